"""How well the sample shop's questions find their answers, and how well nonsense is refused.

Questions as customers write them: chat spelling, typos, no accents, English. SEEN were at hand while the method was
chosen; UNSEEN were written afterwards. Figures of 2026-11-22: first hit right 46/48 and 47/50, answered from it 43/48
and 45/50, nonsense refused 18/18 and 19/20.
"""

from __future__ import annotations

import pytest

from common.rag.retrieval import ENOUGH, Retriever
from common.sample.load import knowledge

SEEN = """
cuanto vale el envio a bogota > envio-costo
kuanto cobran x el domisilio > envio-costo
en cuantos dias me llega el pedido a cali? > envio-tiempo
cuanto demora el envio > envio-tiempo
ustedes mandan a pasto? > envio-cobertura
hasen envios a todo el pais > envio-cobertura
envian a estados unidos > envio-internacional
q medios de pago manejan > pago-medios
resiven nequi > pago-medios
se puede pagar contraentrega? > pago-contraentrega
puedo diferir a cuotas la compra > pago-cuotas
donde esta mi pedido no ha llegado > rastreo
como hago para rastrear mi pakete > rastreo
quiero devolver una crema q no me gusto > devoluciones
me llego el frasco roto > producto-danado
a que horas atienden los sabados > horario
abren los domingos? > horario
donde kedan ubicados > ubicacion
tienen tienda fisica > ubicacion
los productos tienen parabenos? > ingredientes
son veganos? > vegano
hacen pruebas en animales > vegano
soy alergica a las nueces puedo usarlos? > alergias
estoy embarasada puedo usar el serum > embarazo
venden al por mayor > mayoristas
tienen algun descuento > descuentos
lo pueden empacar de regalo > regalo
me pueden dar factura a nombre de mi empresa > factura
cuanto cuesta la crema de calendula > crema-calendula
presio de la crema d kalendula > crema-calendula
tienen algo para las manchas de la cara > serum-vitamina-c
busco shampoo para la caida del pelo > champu-romero
bloqueador solar > protector-solar
algo para labios resecos > balsamo-cacao
me muestras el jabon de avena > jabon-avena-miel
tienen exfoliante? > exfoliante-cafe
para piel grasa que me recomiendas > mascarilla-arcilla
desodorante q no tenga aluminio > desodorante-salvia
how much is the shipping? > shipping-cost
do you ship to canada > shipping-abroad
can i pay with credit card > payment-methods
wheres my package > track-order
how much is the rosehip oil > aceite-rosa-mosqueta
do you have sunscreen > protector-solar
are you open on saturdays > opening-hours
tonico de rosas foto > tonico-rosas
el aceite d rosa mosketa sirve para estrias > aceite-rosa-mosqueta
acondisionador para pelo crespo > acondicionador-coco
"""

UNSEEN = """
q vale el domicilio > envio-costo
el envio me sale gratis si compro harto? > envio-costo
para cuando me llegaria si lo pido hoy > envio-tiempo
cuantos dias se demora en llegar a bucaramanga > envio-tiempo
tienen envios a nivel nacional? > envio-cobertura
mandan para mexico > envio-internacional
puedo pagar con daviplata > pago-medios
aseptan tarjeta de credito > pago-medios
quiero pagar en efectivo cuando llegue el paquete > pago-contraentrega
se puede a cuotas con addi? > pago-cuotas
como se que no me van a estafar > pago-seguro
como ago un pedido > como-comprar
necesito cambiar la direccion de mi pedido > cambiar-pedido
quiero cancelar el pedido > cambiar-pedido
me das el numero de guia > rastreo
hacen devoluciones si no me gusta? > devoluciones
el producto vino derramado > producto-danado
cuando me reembolsan mi plata > reembolso
hasta q hora estan hoy > horario
cual es la direccion de la tienda > ubicacion
puedo pasar a recoger mi pedido > ubicacion
que ingredientes usan > ingredientes
son cruelty free? > vegano
me salio una alergia con la crema > alergias
toy embarazada q puedo usar > embarazo
es apto para niños? > ninos
cuanto dura abierta la crema > vencimiento
toca guardarlo en la nevera? > conservacion
tienen invima > registro
quiero comprar por mayor para revender > mayoristas
tienen algun cupon > descuentos
vienen en caja de regalo > regalo
me regalan muestras? > muestras
nesesito factura electronica > factura
precio del serum de bitamina c > serum-vitamina-c
champu solido > champu-romero
q tienen pa las cicatrices > aceite-rosa-mosqueta
exfoliante de cafe cuanto vale > exfoliante-cafe
foto del balsamo > balsamo-cacao
algo para el frizz > acondicionador-coco
mascarilla para los puntos negros > mascarilla-arcilla
agua de rosas > tonico-rosas
when will i get my order > shipping-time
what payment do you take > payment-methods
do you test on animals? > cruelty-free
something for dry lips > balsamo-cacao
i want to return the soap > returns
where are you located > store-address
price of the coffee scrub > exfoliante-cafe
do you have anything for curly hair > acondicionador-coco
"""

NONSENSE_SEEN = """
quien gano el partido de ayer
va a llover mañana en medellin?
cual es la capital de francia
me ayudas con la tarea de matematicas
venden celulares samsung
cuanto vale un arriendo en suba
necesito un plomero
que opinas del presidente
recomiendame una pelicula
tienen vacantes de trabajo
how do I fix my car
what's the weather today
write me a poem about the sea
quiero una pizza hawaiana
reparan lavadoras
cuentame un chiste
what is the price of bitcoin
como llego al aeropuerto
"""

NONSENSE_UNSEEN = """
cuanto mide la torre eiffel
me prestas plata
que signo soy si naci en mayo
arreglan uñas?
necesito un abogado para un divorcio
tienen comida para gatos
cual es el mejor celular
quien escribio cien años de soledad
donde queda el hospital mas cercano
tienes novio
hagame el favor de cotizarme un viaje a san andres
translate this to french
what is 25 times 17
who is the president of brazil
book me a hotel
is the stock market open
quanto custa um carro usado
qual o resultado do jogo
dame la receta del ajiaco
como saco el pasaporte
"""


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return Retriever(knowledge())


def asked(table: str) -> list[tuple[str, str]]:
    return [(question, row) for question, _, row in (line.partition(" > ") for line in table.strip().splitlines())]


@pytest.mark.parametrize("table", [SEEN, UNSEEN], ids=["seen", "unseen"])
def test_nine_of_ten_questions_find_their_answer_first(retriever: Retriever, table: str) -> None:
    """And at least 85 % are sure enough to be answered."""
    rows = asked(table)
    hits = [(retriever.search(question), row) for question, row in rows]
    right = [found[0].confidence for found, row in hits if found and found[0].id == row]
    assert len(right) >= 0.9 * len(rows)
    assert sum(confidence >= ENOUGH for confidence in right) >= 0.85 * len(rows)


@pytest.mark.parametrize("table", [SEEN, UNSEEN], ids=["seen", "unseen"])
def test_the_answer_is_among_the_five_that_a_model_sees(retriever: Retriever, table: str) -> None:
    """In 95 of 100 questions."""
    rows = asked(table)
    assert sum(row in {hit.id for hit in retriever.search(question)} for question, row in rows) >= 0.95 * len(rows)


@pytest.mark.parametrize("table", [NONSENSE_SEEN, NONSENSE_UNSEEN], ids=["seen", "unseen"])
def test_questions_of_other_worlds_are_refused(retriever: Retriever, table: str) -> None:
    """Four of five at least: "I don't know" instead of an answer to something else."""
    rows = table.strip().splitlines()
    refused = sum(not hits or hits[0].confidence < ENOUGH for hits in map(retriever.search, rows))
    assert refused >= 0.8 * len(rows)

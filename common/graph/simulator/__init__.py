"""Meta's Graph API for WhatsApp, played on this machine as strictly as Meta does, with a chat page for a person.

- options: what it is started with, and the behaviour that can be changed while it runs
- failures: Graph's error bodies
- validation: what Meta accepts as a message (pure)
- limits: throughput of a number, pair limit (pure)
- state: chats, ledger, windows; all bounded, all in memory
- media: uploaded and sample media
- samples: one inbound message of each type
- statuses: which status webhooks follow an accepted message (pure)
- webhooks: bodies as Meta writes and signs them (pure)
- delivery: posts webhooks, and again until they are taken
- faults: what shall go wrong, as data
- core: ties them together
- *_routes: HTTP: Graph API, media, control API (/_sim/), chat page (/)
- server: SimulatorServer, in-process; `python -m common.graph.simulator` as a process
- client: SimulatorClient, for tests and scripts
"""

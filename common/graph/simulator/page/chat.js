// The chat page: people on the left, one conversation, live by server-sent events.

import { bubble, NOTES, preview } from "/_sim/page/bubbles.js";
import { button, call, clock, day, el, icon } from "/_sim/page/dom.js";
import { fillMenu } from "/_sim/page/samples.js";

const $ = (id) => document.getElementById(id);
const MOST_SHOWN = 200;
const state = { chats: new Map(), open: null, messages: [], unread: new Map(), typing: new Map(), rows: new Map(), late: null, quote: null, shop: "Business" };

for (const [id, name] of [["add", "plus"], ["back", "back"], ["plus", "plus"], ["send", "send"], ["quote-stop", "close"]]) $(id).append(icon(name));

// -- people -----------------------------------------------------------------------------------------------------------

const initials = (name) => name.replace(/[^\p{L}\p{N} ]/gu, "").split(" ").filter(Boolean).slice(0, 2).map((w) => w[0].toUpperCase()).join("") || "?";
const hue = (key) => [...key].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 6, 0);
const phone = (chat) => (chat.phone ? `+${chat.phone}` : `${chat.username ? "@" + chat.username : chat.user_id} · no phone number`);

function drawPeople() {
  const rows = [...state.chats.values()].sort((a, b) => b.last_at - a.last_at).map((chat) => {
    const typing = state.typing.has(chat.wa_id);
    const unread = state.unread.get(chat.wa_id) || 0;
    const node = button(`person${chat.wa_id === state.open ? " chosen" : ""}`, chat.name, () => openChat(chat.wa_id),
      el("span", `avatar hue-${hue(chat.wa_id)}`, initials(chat.name)),
      el("b", "", chat.name),
      el("time", "", chat.last ? clock(chat.last_at) : ""),
      el("span", `last${typing ? " live" : ""}${unread ? "" : " wide"}`, typing ? "writing…" : preview(chat.last) || phone(chat)),
      unread ? el("span", "badge", String(unread)) : "");
    return node;
  });
  $("people").replaceChildren(...rows);
}

async function loadPeople() {
  const chats = await call("GET", "chats");
  state.chats = new Map(chats.map((chat) => [chat.wa_id, chat]));
  drawPeople();
}

// -- conversation -----------------------------------------------------------------------------------------------------

async function openChat(key) {
  state.open = key;
  state.unread.delete(key);
  setQuote(null);
  $("app").classList.add("open");
  const late = state.late = []; // what happens while it is loaded: the answer may be older
  const chat = await call("GET", `chat/${encodeURIComponent(key)}`);
  if (state.open !== key || state.late !== late) return;
  state.late = null;
  state.messages = chat.messages.slice(-MOST_SHOWN);
  for (const [message, fresh] of late) keep(message, fresh);
  state.rows.clear();
  state.chats.set(key, chat);
  $("as").textContent = `You are ${chat.name} · ${phone(chat)}`;
  drawPeople();
  drawLog(true);
  markSeen();
  if (matchMedia("(min-width: 761px)").matches) $("text").focus();
}

/** A message of the open chat that is fresh, or has changed. */
function keep(message, fresh) {
  state.late?.push([message, fresh]);
  const at = state.messages.findIndex((m) => m.wamid === message.wamid);
  if (at >= 0) state.messages[at] = message;
  else if (fresh) state.messages.push(message);
  state.messages.splice(0, state.messages.length - MOST_SHOWN);
}

function drawLog(jump = false) {
  const log = $("log");
  const atEnd = jump || log.scrollHeight - log.scrollTop - log.clientHeight < 120;
  const chat = state.chats.get(state.open);
  $("compose").hidden = !chat;
  if (!chat) {
    log.replaceChildren(empty("No customer chosen", "Choose one on the left and write the first message."));
    return;
  }
  const shown = state.messages.filter((m) => !NOTES.has(m.type) || m.type === "system");
  const rows = [];
  let before = null;
  for (const message of shown) {
    if (!before || day(before.at) !== day(message.at)) rows.push(el("p", "day", day(message.at)));
    const first = !before || before.dir !== message.dir;
    rows.push(rowOf(message, first));
    before = message;
  }
  if (!shown.length) rows.push(empty(`Write as ${chat.name}`, "The business answers here. With + you can send photos, voice notes, orders and everything else."));
  if (state.typing.has(state.open)) rows.push(typingRow());
  place(log, rows);
  if (atEnd) log.scrollTop = log.scrollHeight;
  for (const image of log.querySelectorAll("img")) image.addEventListener("load", () => atEnd && (log.scrollTop = log.scrollHeight), { once: true });
}

/** The row of a message: the same node as before while nothing in it has changed, so that sound plays on. */
function rowOf(message, first) {
  const looks = JSON.stringify([message, first, message.context && findMessage(message.context)]);
  const known = state.rows.get(message.wamid);
  if (known?.looks === looks) return known.node;
  const node = bubble(message, { first, find: findMessage, actions, names: { customer: "You", shop: state.shop } });
  state.rows.set(message.wamid, { looks, node });
  return node;
}

/** Make `rows` the children of `log`, touching only what differs. */
function place(log, rows) {
  const keep = new Set(rows);
  for (const child of [...log.children]) if (!keep.has(child)) child.remove();
  rows.forEach((row, i) => { if (log.children[i] !== row) log.insertBefore(row, log.children[i] || null); });
}

const empty = (title, more) => el("div", "empty", el("strong", "", title), more);

function typingRow() {
  const dots = el("span", "typing", el("i"), el("i"), el("i"));
  dots.setAttribute("aria-label", "The business is writing");
  return el("div", "row first", el("div", "bubble", dots));
}

const findMessage = (wamid) => state.messages.find((m) => m.wamid === wamid);

function markSeen() {
  if (state.open && document.visibilityState === "visible" && state.messages.some((m) => m.dir === "out" && ["sent", "delivered"].includes(m.status))) {
    call("POST", `chat/${encodeURIComponent(state.open)}/seen`, {}).catch(() => {});
  }
}

// -- speaking ---------------------------------------------------------------------------------------------------------

async function say(request) {
  if (!state.open) return toast("Choose a customer first");
  const context = state.quote && !request.message ? { context: state.quote.wamid } : {};
  setQuote(null);
  try {
    const done = await call("POST", "say", { wa_id: state.open, ...context, ...request });
    if (done.status !== 200) toast(done.status ? `The app's webhook answered HTTP ${done.status}; it will be delivered again` : "The app's webhook is not reachable; it will be delivered again");
  } catch (error) {
    toast(error.message);
  }
}

const actions = {
  answer: (raw, to) => say({ message: raw, context: to.wamid }),
  kind: (kind) => say({ kind }),
  quote: (message) => { setQuote(message); $("text").focus(); },
  react: (message, emoji) => say({ message: { type: "reaction", reaction: { message_id: message.wamid, emoji: message.reactions?.in === emoji ? "" : emoji } } }),
  revoke: (message) => say({ message: { type: "revoke", revoke: { original_message_id: message.wamid } } }),
  edit: (message) => { state.editing = message; $("text").value = message.body?.body || ""; grow(); $("text").focus(); toast("Change the text and send it"); },
  pick: (body, choose) => pickRow(body, choose),
};

function pickRow(body, choose) {
  const nodes = [el("h2", "", String(body.action?.button || "Options"))];
  for (const section of body.action?.sections || []) {
    if (section.title) nodes.push(el("p", "list-title", String(section.title)));
    for (const row of section.rows || []) {
      const done = () => { $("rows").close(); choose({ id: row.id, title: row.title, ...(row.description ? { description: row.description } : {}) }); };
      nodes.push(button("list-row", String(row.title), done, String(row.title), row.description ? el("span", "", String(row.description)) : ""));
    }
  }
  $("rows-body").replaceChildren(...nodes);
  $("rows").showModal();
}

function setQuote(message) {
  state.quote = message;
  $("quote").hidden = !message;
  if (message) { $("quote-who").textContent = message.dir === "in" ? "You" : state.shop; $("quote-text").textContent = preview(message); }
}

function grow() {
  const box = $("text");
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight + 2, 140)}px`;
}

function submit() {
  const text = $("text").value.trim();
  if (!text) return;
  const editing = state.editing;
  state.editing = null;
  $("text").value = "";
  grow();
  say(editing ? { message: { type: "edit", edit: { original_message_id: editing.wamid, message: { type: "text", text: { body: text } } } } } : { text });
}

function toggleMenu(show) {
  $("menu").hidden = !show;
  $("plus").setAttribute("aria-expanded", String(show));
}

let toastTimer;
function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, 4500);
}

// -- live -------------------------------------------------------------------------------------------------------------

const onEvent = {
  message({ chat, name, message }) {
    const known = state.chats.get(chat);
    if (!known) { loadPeople(); return; }
    Object.assign(known, { name, last: message, last_at: message.at });
    if (message.dir === "out") stopTyping(chat);
    if (chat === state.open) {
      keep(message, true);
      drawLog(message.dir === "in");
    } else if (message.dir === "out") state.unread.set(chat, (state.unread.get(chat) || 0) + 1);
    drawPeople();
  },
  update({ chat, message }) {
    if (chat !== state.open) return;
    keep(message, false);
    drawLog();
    if (message.status === "sent" || message.status === "delivered") markSeen();
  },
  read({ chat, wamid }) {
    if (chat !== state.open) return;
    const last = state.messages.findIndex((m) => m.wamid === wamid);
    state.messages.forEach((m, i) => { if (m.dir === "in" && i <= last) m.status = "read"; });
    drawLog();
  },
  typing({ chat, seconds }) {
    stopTyping(chat);
    state.typing.set(chat, setTimeout(() => { stopTyping(chat); refresh(chat); }, seconds * 1000));
    refresh(chat);
  },
  reset() { state.messages = []; state.unread.clear(); loadPeople(); drawLog(); },
};

function stopTyping(chat) { clearTimeout(state.typing.get(chat)); state.typing.delete(chat); }
function refresh(chat) { drawPeople(); if (chat === state.open) drawLog(); }

function listen() {
  const stream = new EventSource("/_sim/events");
  stream.onopen = async () => {
    await loadPeople();
    const first = matchMedia("(min-width: 761px)").matches ? state.chats.keys().next().value : null;
    if (state.open || first) openChat(state.open || first);
  };
  stream.onmessage = (event) => { const data = JSON.parse(event.data); onEvent[data.kind]?.(data); };
}

async function watchLink() {
  let good = false, said = "simulator not reachable";
  try {
    const health = await call("GET", "health");
    state.shop = health.business_name;
    $("shop").textContent = health.business_name;
    $("shop-avatar").textContent = initials(health.business_name);
    good = health.verified === "ok";
    said = good ? "webhook verified" : health.verified === "not reachable" ? "waiting for the app's webhook" : health.verified === "not yet" ? "verifying the webhook" : "webhook refuses the verification";
    $("link").title = `${health.webhook || "no webhook"}: ${health.verified}`;
  } catch { /* said as it is */ }
  $("link").className = `link ${good ? "good" : said.includes("refuses") || said.includes("simulator") ? "bad" : ""}`;
  $("link-text").textContent = said;
  setTimeout(watchLink, good ? 15000 : 2000);
}

// -- wiring -----------------------------------------------------------------------------------------------------------

fillMenu($("menu"), (request) => { toggleMenu(false); say(request); });
$("plus").addEventListener("click", () => toggleMenu($("menu").hidden));
$("back").addEventListener("click", () => { $("app").classList.remove("open"); state.open = null; drawPeople(); drawLog(); });
$("quote-stop").addEventListener("click", () => setQuote(null));
$("compose").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
$("text").addEventListener("input", grow);
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); }
  if (event.key === "Escape") { state.editing = null; setQuote(null); }
});
document.addEventListener("click", (event) => { if (!$("menu").hidden && !event.target.closest("#menu, #plus")) toggleMenu(false); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") toggleMenu(false); });
document.addEventListener("visibilitychange", markSeen);
$("add").addEventListener("click", () => { $("new-form").reset(); $("new-wrong").textContent = ""; $("new").showModal(); });
$("new-cancel").addEventListener("click", () => $("new").close());
$("new-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const chat = await call("POST", "chats", { name: $("new-name").value, wa_id: $("new-phone").value });
    state.chats.set(chat.wa_id, chat);
    $("new").close();
    openChat(chat.wa_id);
  } catch (error) { $("new-wrong").textContent = error.message; }
});
$("rows").addEventListener("click", (event) => { if (event.target === $("rows")) $("rows").close(); });

drawLog();
listen();
watchLink();

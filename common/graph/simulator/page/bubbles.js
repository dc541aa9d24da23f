// One message as nodes. "in" is written by the customer (right), "out" by the business (left).

import { button, clock, el, icon, outLink, richText, webAddress } from "/_sim/page/dom.js";

/** What a message says in one line: for the list of people and for quotes. */
export function preview(message) {
  if (!message) return "";
  const body = message.body || {};
  if (message.revoked) return "Message deleted";
  const named = {
    text: () => body.body,
    image: () => `Photo${body.caption ? ": " + body.caption : ""}`,
    video: () => `Video${body.caption ? ": " + body.caption : ""}`,
    audio: () => (body.voice ? "Voice message" : "Audio"),
    document: () => `Document ${body.filename || ""}`,
    sticker: () => "Sticker",
    location: () => `Location ${body.name || ""}`,
    contacts: () => `Contact ${body[0]?.name?.formatted_name || ""}`,
    interactive: () => body.body?.text || body.button_reply?.title || body.list_reply?.title || body.nfm_reply?.body,
    button: () => body.text,
    template: () => `Template ${body.name || ""}`,
    order: () => `Order of ${body.product_items?.length || 0}`,
    reaction: () => (body.emoji ? `Reacted ${body.emoji}` : "Reaction removed"),
    edit: () => "Edited a message",
    revoke: () => "Deleted a message",
    system: () => body.body,
  };
  return String((named[message.type] || (() => message.type))() || message.type);
}

/** Types that change another bubble or stand between bubbles. */
export const NOTES = new Set(["reaction", "edit", "revoke", "system"]);

/** A row of the conversation. `actions`: answer(raw), quote(message), react, edit, revoke; `find`: bubble by wamid. */
export function bubble(message, { first, find, actions, names }) {
  if (message.type === "system") return el("p", "note", preview(message));
  const mine = message.dir === "in";
  const box = el("div", "bubble" + (message.revoked ? " gone" : ""));
  if (message.context) box.append(quoted(find(message.context), names));
  box.append(...(message.revoked ? [el("span", "text", "This message was deleted")] : content(message)), meta(message, mine));
  const row = el("div", `row${mine ? " mine" : ""}${first ? " first" : ""}`, box);
  row.dataset.wamid = message.wamid;
  if (!mine) row.append(choices(message, actions));
  const emojis = Object.values(message.reactions || {});
  if (emojis.length) row.append(el("span", "reactions", emojis.join(" ")));
  if (!message.revoked) row.append(tools(message, mine, actions));
  return row;
}

function quoted(message, names) {
  const who = message ? (message.dir === "in" ? names.customer : names.shop) : "";
  return el("span", "quoted", el("b", "", who), message ? preview(message) : "Message not available");
}

function meta(message, mine) {
  const line = el("span", "meta", message.edited ? "edited" : "", clock(message.at));
  if (mine) line.append(ticks(message.status));
  else if (message.status === "failed") {
    const bad = el("span", "bad", "not delivered");
    bad.title = message.error || "";
    line.append(bad);
  } else line.title = `Status told to the business: ${message.status}`;
  return line;
}

function ticks(status) {
  const known = {
    sending: ["clock", "", "On its way to the app's webhook"],
    sent: ["tick", "", "The app's webhook took it"],
    read: ["ticks", "blue", "The business marked it as read"],
  };
  if (!known[status]) {
    const bad = el("span", "bad", "!");
    bad.title = "The app did not take it; it will be delivered again";
    return bad;
  }
  const [name, className, title] = known[status];
  const mark = el("span", className, icon(name));
  mark.title = title;
  return mark;
}

const text = (value) => el("span", "text", ...richText(String(value ?? "")));
const card = (name, title, more) => el("span", "card", icon(name), el("span", "", el("b", "", title), more || ""));

function mediaAddress(body) {
  if (body.link) return webAddress(body.link);
  return /^\d+$/.test(body.id || "") ? `/_sim/media/${body.id}` : null;
}

function picture(body) {
  const address = mediaAddress(body);
  if (!address) return card("image", "Photo", "not available");
  const image = el("img", "picture");
  image.alt = String(body.caption || "Photo");
  image.addEventListener("error", () => image.replaceWith(card("image", "Photo could not be loaded", address)), { once: true });
  image.src = address;
  return image;
}

function sound(body) {
  const address = mediaAddress(body);
  const player = el("audio");
  player.controls = true;
  player.preload = "metadata";
  if (address) player.src = address;
  return player;
}

function file(name, title, body, more) {
  const address = mediaAddress(body);
  return address ? outLink("card", address, icon(name), el("span", "", el("b", "", title), more)) : card(name, title, more);
}

const CONTENT = {
  text: (body) => [text(body.body)],
  image: (body) => [picture(body), body.caption ? text(body.caption) : ""],
  sticker: () => [el("span", "sticker", icon("sticker"))],
  audio: (body) => [sound(body)],
  video: (body) => [file("video", "Video", body, body.mime_type || ""), body.caption ? text(body.caption) : ""],
  document: (body) => [file("document", String(body.filename || "Document"), body, body.mime_type || ""), body.caption ? text(body.caption) : ""],
  location: (body) => [card("location", String(body.name || "Location"), `${body.address || ""} (${body.latitude}, ${body.longitude})`)],
  contacts: (body) => [].concat(body).map((c) => card("contact", String(c?.name?.formatted_name || "Contact"), String(c?.phones?.[0]?.phone || ""))),
  button: (body) => [text(body.text)],
  order: (body) => [
    card("cart", `Order of ${body.product_items?.length || 0}`, (body.product_items || []).map((i) => `${i.quantity} × ${i.product_retailer_id}`).join(", ")),
    body.text ? text(body.text) : "",
  ],
  template: (body) => [card("form", `Template ${body.name}`, String(body.language?.code || "")), ...templateText(body)],
  unsupported: () => [el("span", "text", "A message of a type that the API does not support (a poll)")],
  interactive: (body) => interactive(body),
};

function content(message) {
  const make = CONTENT[message.type];
  const parts = make ? make(message.body || {}) : [card("question", message.type, JSON.stringify(message.body).slice(0, 200))];
  return parts.filter(Boolean);
}

function templateText(body) {
  const values = (body.components || []).flatMap((part) => (part.parameters || []).map((p) => p.text).filter(Boolean));
  return values.length ? [text(values.join(" · "))] : [];
}

function interactive(body) {
  const chosen = body.button_reply || body.list_reply;
  if (chosen) return [text(chosen.title), chosen.description ? el("span", "foot", String(chosen.description)) : ""];
  if (body.nfm_reply) return [card("form", "Form sent", String(body.nfm_reply.response_json || "").slice(0, 160))];
  const header = body.header;
  return [
    header?.type === "image" ? picture(header.image || {}) : "",
    header?.type === "text" ? el("strong", "head", String(header.text)) : "",
    header?.type === "document" ? file("document", String(header.document?.filename || "Document"), header.document || {}, "") : "",
    text(body.body?.text),
    body.footer?.text ? el("span", "foot", String(body.footer.text)) : "",
  ];
}

/** What can be tapped under an interactive message. */
function choices(message, actions) {
  const body = message.type === "interactive" ? message.body || {} : {};
  const row = el("div", "choices");
  const reply = (raw) => actions.answer({ type: "interactive", interactive: raw }, message);
  for (const item of body.action?.buttons || []) {
    const { id, title } = item.reply || {};
    row.append(button("choice", String(title), () => reply({ type: "button_reply", button_reply: { id, title } }), icon("reply"), String(title)));
  }
  if (body.type === "list") {
    const label = String(body.action?.button || "Options");
    row.append(button("choice", label, () => actions.pick(body, (r) => reply({ type: "list_reply", list_reply: r })), icon("list"), label));
  }
  if (body.type === "cta_url") {
    const address = webAddress(body.action?.parameters?.url);
    if (address) row.append(outLink("choice", address, icon("link"), String(body.action.parameters.display_text)));
  }
  if (body.type === "location_request_message") {
    row.append(button("choice", "Send location", () => actions.kind("location"), icon("location"), "Send location"));
  }
  return row.childElementCount ? row : "";
}

function tools(message, mine, actions) {
  const bar = el("span", "tools");
  if (mine) {
    if (message.type === "text") bar.append(button("tool", "Edit", () => actions.edit(message), icon("edit")));
    bar.append(button("tool", "Delete for everyone", () => actions.revoke(message), icon("trash")));
  } else {
    bar.append(button("tool", "Reply", () => actions.quote(message), icon("reply")));
    bar.append(button("tool", "React with a heart", () => actions.react(message, "❤️"), icon("heart")));
  }
  return bar;
}

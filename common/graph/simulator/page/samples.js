// The "+" menu: every kind of message that a customer can send, with a sample body made by the simulator.

import { button, el, icon } from "/_sim/page/dom.js";

const GROUPS = [
  ["Share", [
    ["image", "Photo", "image"], ["voice", "Voice note", "mic"], ["audio", "Audio file", "audio"], ["video", "Video", "video"],
    ["document", "Document", "document"], ["sticker", "Sticker", "sticker"], ["location", "Location", "location"], ["contacts", "Contact", "contact"],
  ]],
  ["Answer", [
    ["button_reply", "Button reply", "button"], ["list_reply", "List choice", "list"], ["flow_reply", "Form answer", "form"], ["template_button", "Template button", "reply"],
    ["order", "Order", "cart"], ["reaction", "Reaction", "heart"], ["edit", "Edit last text", "edit"], ["revoke", "Delete last", "trash"],
  ]],
  ["Unusual", [
    ["ad_click", "From an ad", "ad"], ["unsupported", "Unsupported", "question"], ["number_change", "New number", "phone"],
    [{ bsuid_only: true, text: "Hola, ¿me pueden ayudar?" }, "No phone shown", "mask"],
    [{ messages: ["Hola", "una pregunta", "¿tienen algo para piel sensible?"] }, "Three at once", "burst"],
    [{ text: "¿Hacen envíos a Cali?", duplicates: 1 }, "Sent twice", "clock"],
  ]],
];

/** Fill the menu; `choose` gets what to say: {kind} or a whole request. */
export function fillMenu(menu, choose) {
  for (const [title, items] of GROUPS) {
    menu.append(el("h3", "", title));
    for (const [what, label, name] of items) {
      const node = button("", label, () => choose(request(what)), el("span", "face", icon(name)), label);
      node.setAttribute("role", "menuitem");
      menu.append(node);
    }
  }
}

function request(what) {
  if (typeof what === "string") return { kind: what };
  if (!what.messages) return what;
  return { messages: what.messages.map((body) => ({ type: "text", text: { body } })) };
}

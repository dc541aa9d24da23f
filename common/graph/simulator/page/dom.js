// Small tools to build the page. Data enters the document as text only, never as markup.

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  plus: "M12 5v14M5 12h14",
  send: "M4 12 20 4l-5 16-3.5-6.5z",
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6 6 18",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  mic: "M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM6 11a6 6 0 0 0 12 0M12 17v4",
  audio: "M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM19 16a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z",
  video: "M3 6h12v12H3zM15 10l6-3v10l-6-3z",
  document: "M7 3h7l5 5v13H7zM14 3v5h5M10 13h6M10 17h6",
  sticker: "M5 4h14v9l-7 7H5zM12 20v-4a3 3 0 0 1 3-3h4M9 9h.01M14 9h.01M9.5 12.5a3 3 0 0 0 3.5 0",
  location: "M12 21s7-6.2 7-11a7 7 0 0 0-14 0c0 4.8 7 11 7 11zM12 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  contact: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21a8 8 0 0 1 16 0",
  reply: "M10 8 5 12.5 10 17M5 12.5h8a6 6 0 0 1 6 6",
  list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  form: "M5 3h14v18H5zM9 8h6M9 12h6M9 16h3",
  cart: "M3 4h3l2.5 11h9L20 7H7M10 20h.01M17 20h.01",
  heart: "M12 20S4 15 4 9a4 4 0 0 1 8-1 4 4 0 0 1 8 1c0 6-8 11-8 11z",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  question: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 17h.01",
  phone: "M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a1 1 0 0 1-1 1A15 15 0 0 1 4 5a1 1 0 0 1 1-1z",
  mask: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21a8 8 0 0 1 11-7M16 18h6",
  ad: "M4 10v4h3l7 5V5l-7 5zM18 9a4 4 0 0 1 0 6",
  burst: "M4 6h10v7H8l-3 3v-3H4zM11 16h5l3 3v-3h1V9h-3",
  button: "M4 8h16v8H4zM9 12h6",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2",
  tick: "M4 11l5 5L20 5",
  ticks: "M1 11l5 5L17 5M12 16 23 5",
  link: "M10 14 20 4M14 4h6v6M18 14v6H4V6h6",
};

/** An element with a class and children; strings become text nodes. */
export function el(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/** An icon of the set above. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name] || ICONS.question);
  svg.append(path);
  return svg;
}

/** A button that does something. */
export function button(className, label, onClick, ...children) {
  const node = el("button", className, ...children);
  node.type = "button";
  node.title = label;
  node.setAttribute("aria-label", label);
  node.addEventListener("click", onClick);
  return node;
}

/** An address that a link or picture may have; anything else is null. */
export function webAddress(value) {
  try {
    const url = new URL(String(value));
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

/** A link to another site. */
export function outLink(className, address, ...children) {
  const node = el("a", className, ...children);
  node.href = address;
  node.target = "_blank";
  node.rel = "noopener noreferrer";
  return node;
}

const STYLED = /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]])|\*([^*\n]+)\*|\b_([^_\n]+)_\b|~([^~\n]+)~|`([^`\n]+)`/g;

/** Text as WhatsApp shows it: links, *bold*, _italic_, ~struck~ and `code`, as nodes. */
export function richText(text) {
  const nodes = [];
  let at = 0;
  for (const match of String(text).matchAll(STYLED)) {
    if (match.index > at) nodes.push(text.slice(at, match.index));
    const [whole, url, bold, italic, struck, code] = match;
    if (url) nodes.push(webAddress(url) ? outLink("", webAddress(url), url) : url);
    else if (bold) nodes.push(el("strong", "", bold));
    else if (italic) nodes.push(el("em", "", italic));
    else if (struck) nodes.push(el("s", "", struck));
    else nodes.push(el("code", "", code));
    at = match.index + whole.length;
  }
  if (at < text.length) nodes.push(text.slice(at));
  return nodes;
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export const clock = (at) => TIME.format(new Date(at * 1000));
export const day = (at) => {
  const date = new Date(at * 1000);
  return date.toDateString() === new Date().toDateString() ? "Today" : DAY.format(date);
};

/** A JSON call to the simulator; an error's text is what it said. */
export async function call(method, path, body) {
  const answer = await fetch(`/_sim/${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.error || `HTTP ${answer.status}`);
  return data;
}

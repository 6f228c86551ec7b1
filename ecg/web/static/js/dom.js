/** Elements from plain calls. Text is always a text node, and follows the language when it is a Message. */
import { Message } from "./i18n.js";

const textMessages = new WeakMap();
const attributeMessages = new WeakMap();

/**
 * An element: `tag` may carry classes (`"p.note"`); `props` are attributes, plus `on` (event → listener)
 * and `style` (CSS property → value). Children are nodes, texts, Messages, arrays of them, or null.
 */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(props)) setProp(element, key, value);
  element.append(...nodes(children));
  return element;
}

/** Put `children` in the place of what `element` holds. */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

/** Set an attribute to a text, a Message, a boolean, or remove it with null. */
export function setAttribute(element, name, value) {
  remember(element, name, value);
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Put every Message in the document into words again. */
export function retranslate() {
  const walker = document.createTreeWalker(document, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (textMessages.has(node)) node.data = String(textMessages.get(node));
    for (const [name, message] of attributeMessages.get(node) ?? []) node.setAttribute(name, String(message));
  }
}

/** A text that screen readers get and eyes do not. */
export function hidden(text) {
  return h("span.visually-hidden", {}, text);
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : textNode(child)));
}

function textNode(text) {
  const node = document.createTextNode(String(text));
  if (text instanceof Message) textMessages.set(node, text);
  return node;
}

function setProp(element, key, value) {
  if (key === "on") {
    for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
  } else if (key === "style") {
    for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
  } else {
    setAttribute(element, key, value);
  }
}

function remember(element, name, value) {
  const known = attributeMessages.get(element) ?? new Map();
  if (value instanceof Message) known.set(name, value);
  else known.delete(name);
  attributeMessages.set(element, known);
}

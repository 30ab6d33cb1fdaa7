// Elements made without markup. Strings only ever become text nodes, so that nothing a chain, a node or an address
// bar says can become an element; the server's Trusted Types policy refuses all other ways.

const SVG = "http://www.w3.org/2000/svg";

// Attributes that may be set from data. `href` is checked; there is no way to set a handler or a style from text.
const PLAIN =
  /^(?:id|class|href|title|type|name|value|placeholder|scope|role|datetime|download|colspan|tabindex|autocomplete|spellcheck|enterkeyhint|maxlength|aria-[a-z]+|data-[a-z]+)$/;

/// `h("td", { class: "num" }, "12", link)`: an element with attributes, children and, under `on`, listeners.
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, PLAIN, children);
}

/// As `h`, for drawings.
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, /^(?!on|style|href)[\w-]+$/i, children);
}

function fill(element, attributes, allowed, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "on") {
      for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    } else if (value === true || value === false || value == null) {
      if (typeof element[name] === "boolean") element[name] = value === true;
    } else if (!allowed.test(name) || (name === "href" && !/^[/#](?![/\\])/.test(value))) {
      throw new TypeError(`attribute ${name} is not for data`);
    } else {
      element.setAttribute(name, String(value));
    }
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child == null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/// Exchanges all children of `element`.
export function put(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/// A path of this site from parts that may hold anything.
export function path(...parts) {
  return `/${parts.map((part) => encodeURIComponent(part)).join("/")}`;
}

// The few things done to the document. Nothing is replaced that has not changed, so focus and selection stay.

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text, null is left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Sets a text only if it is another one. */
export function text(target, value) {
  const element = typeof target === "string" ? byId(target) : target;
  if (element.textContent !== value) element.textContent = value;
}

/** Width of a bar, in percent of its track. */
export function width(element, percent) {
  element.style.width = `${Math.max(0, Math.min(100, percent)).toFixed(2)}%`;
}

/**
 * Makes the children of `parent` those of `items`, in their order. A child is made by `make(item)` when its `key(item)`
 * is new, and brought up to date by `update(child, item)` every time.
 */
export function list(parent, items, key, make, update = () => {}) {
  const names = new Set(items.map((item) => String(key(item))));
  const old = new Map();
  for (const child of [...parent.children].filter((one) => one.dataset.key !== undefined)) {
    if (names.has(child.dataset.key)) old.set(child.dataset.key, child);
    else child.remove();
  }
  let place = parent.querySelector(":scope > [data-key]");
  for (const item of items) {
    const name = String(key(item));
    const child = old.get(name) ?? make(item);
    child.dataset.key = name;
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
    update(child, item);
  }
}

/** A row of radio buttons that looks like one control. `options` are {value, label}. */
export function segments(fieldset, options, chosen, choose) {
  list(
    fieldset,
    options,
    (option) => option.value,
    (option) => {
      const id = `${fieldset.id}-${option.value}`;
      const input = el("input", { type: "radio", name: fieldset.id, id, value: option.value });
      input.addEventListener("change", () => choose(option.value));
      return el("span", {}, input, el("label", { for: id }));
    },
    (child, option) => {
      const [input, label] = child.children;
      if (input.checked !== (option.value === chosen)) input.checked = option.value === chosen;
      text(label, option.label);
    },
  );
}

// Whoever goes by keys or hears the page stands somewhere in it. When what has the focus is taken away or switched off, as
// a button whose act is done, a browser puts them before the whole page; this puts them where they were.

const TAKES_FOCUS = [
  "a[href]",
  "button:not(:disabled)",
  "input:not(:disabled)",
  "select:not(:disabled)",
  "textarea:not(:disabled)",
  "summary",
  '[tabindex="0"]',
  "h1[tabindex]",
].join();
/** Where an element stood in one of those that hold it: behind these of its children, the nearest first. */
interface Place {
  readonly parent: Element;
  readonly before: readonly Element[];
}

interface Stop {
  readonly element: Element;
  /** The innermost first. */
  readonly places: readonly Place[];
}

/** The last stop in each layer, a page or a dialog before it, in the order in which they were come to. */
const trail = new Map<Element, Stop>();
let put: Element | null = null;
let looking = false;

/** Begins to look after the focus of the whole document. */
export function keepPlace(): void {
  document.addEventListener("focusin", ({ target }) => {
    if (!(target instanceof Element)) return;
    const places = placesOf(target);
    const layer = places.at(-1)?.parent ?? target;
    for (const each of trail.keys()) if (each === layer || !each.isConnected) trail.delete(each);
    trail.set(layer, { element: target, places });
  });
  document.addEventListener("focusout", ({ target }) => {
    // Of their own will, as by a click beside everything: then nothing is lost.
    requestAnimationFrame(() => {
      if (isNowhere() && last()?.element === target && target instanceof Element && canTake(target)) trail.clear();
    });
  });
  new MutationObserver(look).observe(document.body, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ["disabled", "hidden", "class"],
  });
}

/** Whether the focus is nowhere, or where nobody but this has put it: who knows a better place may take it there. */
export function placeIsOpen(): boolean {
  return isNowhere() || document.activeElement === put;
}

function look(): void {
  const stop = last();
  if (looking || !stop || canTake(stop.element)) return;
  looking = true;
  // A dialog gives the focus back a frame after it has closed, and the browser takes it from what was switched off in the next.
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      looking = false;
      if (isNowhere() && trail.size > 0) land();
    }),
  );
}

function last(): Stop | undefined {
  return [...trail.values()].at(-1);
}

function isNowhere(): boolean {
  const at = document.activeElement;
  return at === null || at === document.body || !canTake(at);
}

function canTake(element: Element): boolean {
  return element.isConnected && !element.matches(":disabled") && element.getClientRects().length > 0;
}

function placesOf(element: Element): Place[] {
  const places: Place[] = [];
  for (let at = element; at.parentElement && at.parentElement !== document.body; at = at.parentElement) {
    const before: Element[] = [];
    for (let sibling = at.previousElementSibling; sibling; sibling = sibling.previousElementSibling)
      before.push(sibling);
    places.push({ parent: at.parentElement, before });
  }
  return places;
}

function land(): void {
  const found = [...trail.values()].reduceRight<HTMLElement | null>((found, stop) => found ?? nearest(stop), null);
  const target = found ?? document.querySelector<HTMLElement>("h1[tabindex]");
  put = target;
  // The page stays where it is: it is the focus that was lost, and not the place that is read.
  target?.focus({ preventScroll: true });
}

/** What took its place, or stood behind it, or before it: as near as there is anything. */
function nearest({ element, places }: Stop): HTMLElement | null {
  if (canTake(element)) return element as HTMLElement;
  for (const { parent, before } of places) {
    if (!parent.isConnected) continue;
    const children = [...parent.children];
    const stays = before.find((each) => each.parentElement === parent);
    const from = stays ? children.indexOf(stays) + 1 : 0;
    const behind = children.slice(from).flatMap(takersIn);
    const found = behind[0] ?? children.slice(0, from).flatMap(takersIn).at(-1);
    if (found) return found;
  }
  return null;
}

function takersIn(element: Element): HTMLElement[] {
  const all = [element, ...element.querySelectorAll(TAKES_FOCUS)];
  return all.filter(
    (each): each is HTMLElement => each instanceof HTMLElement && each.matches(TAKES_FOCUS) && canTake(each),
  );
}

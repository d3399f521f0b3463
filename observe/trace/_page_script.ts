/**
 * The script of the page: what happens when somebody turns the wheel, drags, types or looks for something.
 *
 * It is put into the page as text, so it uses nothing from outside but its arguments: its window, what it shows, and the
 * functions it draws with. All text of other people goes through `textContent`, or onto the canvas.
 *
 * Over 400 lines, as it is one function: what one of its handlers changes all the others look at.
 */

import type { PageElement, PageEvent, PageWindow } from "../base/page_dom.ts";
import type { PageData } from "./_page_data.ts";
import type {
  gapsOf,
  loadsOf,
  PageRecord,
  paintArrows,
  paintOverview,
  paintRows,
  PlacedRow,
  placeOf,
  Scene,
} from "./_page_paint.ts";
import type { ticksOf, timeWords } from "./_page_time.ts";

/** What it works with. */
export interface PageParts {
  readonly categories: readonly string[];
  readonly timeWords: typeof timeWords;
  readonly ticksOf: typeof ticksOf;
  readonly placeOf: typeof placeOf;
  readonly paintRows: typeof paintRows;
  readonly paintArrows: typeof paintArrows;
  readonly paintOverview: typeof paintOverview;
  readonly loadsOf: typeof loadsOf;
  readonly gapsOf: typeof gapsOf;
}

/** Shows a trace. */
export function showTrace(window: PageWindow, data: PageData, parts: PageParts): void {
  const { document } = window;
  const { categories, timeWords } = parts;
  const element = (id: string): PageElement => document.getElementById(id) as PageElement;
  const make = (name: string, className: string, text: string): PageElement => {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  };
  const [plot, space, sheet, names, canvas, axis, overview, tip, detail, search, found] = [
    "plot",
    "space",
    "sheet",
    "names",
    "canvas",
    "axis",
    "overview",
    "tip",
    "detail",
    "search",
    "found",
  ].map(element) as [
    PageElement,
    PageElement,
    PageElement,
    PageElement,
    PageElement,
    PageElement,
    PageElement,
    PageElement,
    PageElement,
    PageElement,
    PageElement,
  ];

  /** What a wait can be; what is most conspicuous first. */
  const WAITS: readonly string[] = ["lock", "channel", "network", "other", "time", "task"];

  // What there is.

  const text = (index: number | undefined): string => data.strings[index ?? -1] ?? "";
  const records = data.records.map((numbers, index): PageRecord => {
    const [row = 0, category = 0, name, start = 0, end = 0, level = 0, from = -1, at = 0, ...rest] = numbers;
    const words: [string, string][] = [];
    for (let i = 0; i < rest.length; i += 2) words.push([text(rest[i]), text(rest[i + 1])]);
    const forWhat = words.find(([key]) => key === "for");
    return {
      index,
      row,
      category,
      name: text(name),
      words,
      text: forWhat === undefined ? text(name) : `${text(name)} ${forWhat[1]}`,
      start,
      end,
      level,
      from,
      at,
      gaps: [],
    };
  });
  const recordsOf: PageRecord[][] = data.rows.map(() => []);
  for (const record of records) recordsOf[record.row]?.push(record);
  const isWait = ({ category }: PageRecord): boolean => WAITS.includes(categories[category] as string);
  for (const own of recordsOf) {
    const waits = own.filter(isWait).sort((a, b) => a.start - b.start);
    // What was before the first record that is left nobody knows.
    for (const [i, record] of own.entries()) {
      if (categories[record.category] !== "running") continue;
      const life = { start: Math.max(record.start, data.from), end: record.end };
      records[record.index] = own[i] = { ...record, gaps: parts.gapsOf(life, waits) };
    }
  }
  // Tasks below what is in them, and of the rest the first ones first.
  const depth = ({ category }: PageRecord): number => categories[category] === "running" ? 0 : 1;
  for (const own of recordsOf) own.sort((a, b) => depth(a) - depth(b) || a.start - b.start || b.end - a.end);
  const allArrows = records.filter(({ from }) => from >= 0);
  const first = records.reduce((least, { start }) => Math.min(least, start), data.from);
  const last = Math.max(data.to, first + 1);

  // What is shown of it.

  const FONT = "11px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";
  const sizes = { padding: 3, lane: 16, scope: 4, letter: 6.6 };
  /** In nanoseconds. */
  let [from, to] = [data.from, last];
  let hovered: PageRecord | null = null;
  let selected: PageRecord | null = null;
  const hidden = new Set<string>();
  /** What is looked for, and the records that fit; `null` for nothing. */
  let wanted = "";
  let fitting: Set<number> | null = null;
  let placed: PlacedRow[] = [];
  let rowAt = new Map<number, PlacedRow>();
  let shownRows = new Set<number>();
  let colours: Record<string, string> = {};
  let loads: { readonly loads: number[][]; readonly most: number } = { loads: [], most: 1 };
  const order = WAITS.map((name) => categories.indexOf(name));
  /** More than so many arrows are a carpet: then only those of what is pointed at. */
  const MOST_ARROWS = 600;
  /** In nanoseconds. */
  const SHORTEST = 20;

  function readColours(): void {
    const style = window.getComputedStyle(document.documentElement);
    for (const name of [...categories, "life", "ink", "soft", "line", "strong", "veil", "spawn", "wake"]) {
      colours = { ...colours, [name]: style.getPropertyValue(`--${name}`).trim() };
    }
  }

  /** Where rows are: those of which something is looked for, or all. */
  function placeRows(): void {
    placed = [];
    let y = 0;
    for (const [row, { lanes, scopes }] of data.rows.entries()) {
      const own = recordsOf[row] ?? [];
      if (fitting !== null && !own.some(({ index }) => fitting?.has(index))) continue;
      const height = 2 * sizes.padding + scopes * sizes.scope + Math.max(1, lanes) * sizes.lane;
      placed.push({ row, y, height, scopes });
      y += height;
    }
    rowAt = new Map(placed.map((row) => [row.row, row]));
    space.style.setProperty("height", `${y + 8}px`);
  }

  function look(): void {
    wanted = search.value.trim().toLowerCase();
    if (wanted === "") fitting = null;
    else {
      const isWanted = (value: string): boolean => value.toLowerCase().includes(wanted);
      const rows = new Set(data.rows.flatMap(({ name }, row) => isWanted(name) ? [row] : []));
      fitting = new Set(
        records.filter(({ row, text, words }) =>
          rows.has(row) || isWanted(text) || words.some(([key, value]) => isWanted(value) || isWanted(key))
        ).map(({ index }) => index),
      );
    }
    const tasks = fitting === null
      ? 0
      : new Set(records.filter(({ index }) => fitting?.has(index)).map(({ row }) => row)).size;
    found.textContent = fitting === null ? "" : `${fitting.size} in ${tasks} ${tasks === 1 ? "row" : "rows"}`;
    placeRows();
    plot.scrollTop = 0;
    forget();
  }

  // Drawing, once for all that has changed since the last picture.

  let frame = 0;
  function draw(): void {
    if (frame === 0) {
      frame = window.requestAnimationFrame(() => {
        frame = 0;
        paint();
      });
    }
  }

  /** Makes a canvas as large as it is shown, in pixels of the screen, and returns how large that is. */
  function fit(which: PageElement): { readonly width: number; readonly height: number } {
    const { width, height } = which.getBoundingClientRect();
    const ratio = window.devicePixelRatio;
    const [across, down] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    if (which.width !== across || which.height !== down) [which.width, which.height] = [across, down];
    which.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    return { width, height };
  }

  /** Whether an arrow is in the picture, one of its ends at least. */
  function isArrowShown({ category, row, from: source, at, start, end }: PageRecord): boolean {
    const name = categories[category] as string;
    if (![row, source].some((end) => shownRows.has(end))) return false;
    const head = name === "running" ? start : end;
    if (hidden.has(name === "running" ? "spawn" : "wake") || hidden.has(name)) return false;
    return Math.max(at, head) >= from && Math.min(at, head) <= to;
  }

  function paint(): void {
    sheet.style.setProperty("height", `${plot.clientHeight}px`);
    const { width, height } = fit(canvas);
    const top = plot.scrollTop;
    const ticks = parts.ticksOf(from, to, width / 110);
    const rows = placed.filter((row) => row.y + row.height >= top && row.y <= top + height);
    const pen = canvas.getContext("2d");
    pen.font = FONT;
    sizes.letter = pen.measureText("mmmmmmmmmm").width / 10;
    shownRows = new Set(rows.map(({ row }) => row));
    const inView = allArrows.filter(isArrowShown);
    const picked = hovered ?? selected;
    const arrows = inView.length <= MOST_ARROWS
      ? inView
      : inView.filter((record) =>
        record === picked || record.from === picked?.row && record.category === picked.category
      );
    const scene: Scene = {
      width,
      height,
      top,
      from,
      to,
      rows,
      rowAt,
      recordsOf,
      arrows,
      ticks,
      sizes,
      colours,
      categories,
      hidden,
      found: fitting,
      hovered,
      selected,
    };
    parts.paintRows(pen, scene, parts.placeOf);
    parts.paintArrows(pen, scene, parts.placeOf);
    paintNames(rows, top);
    paintAxis(ticks);
    paintOverviewNow();
    element("many").hidden = arrows.length === inView.length;
    plot.dataset["from"] = `${from}`;
    plot.dataset["to"] = `${to}`;
  }

  function paintNames(rows: readonly PlacedRow[], top: number): void {
    names.replaceChildren(...rows.map(({ row, y, height }) => {
      const { name, depth } = data.rows[row] as PageData["rows"][number];
      const label = make("div", "name", name);
      label.title = name;
      label.style.setProperty("top", `${y - top}px`);
      label.style.setProperty("height", `${height - 1}px`);
      label.style.setProperty("padding-left", `${8 + Math.min(depth, 8) * 10}px`);
      if (row === (hovered ?? selected)?.row) label.classList.add("picked");
      return label;
    }));
  }

  function paintAxis(ticks: ReturnType<PageParts["ticksOf"]>): void {
    const { width, height } = fit(axis);
    const pen = axis.getContext("2d");
    pen.clearRect(0, 0, width, height);
    pen.font = FONT;
    pen.textBaseline = "middle";
    for (const { at, text } of ticks) {
      const x = Math.round((at - from) / (to - from) * width);
      pen.fillStyle = colours["line"] ?? "";
      pen.fillRect(x, height - 5, 1, 5);
      pen.fillStyle = colours["soft"] ?? "";
      pen.fillText(text, x + 4, height / 2);
    }
  }

  function paintOverviewNow(): void {
    const { width, height } = fit(overview);
    const scale = width / (last - first);
    parts.paintOverview(overview.getContext("2d"), {
      width,
      height,
      ...loads,
      view: [(from - first) * scale, (to - first) * scale],
      colours,
      categories,
      order,
    });
  }

  function measureLoads(): void {
    const width = Math.max(1, Math.round(overview.getBoundingClientRect().width / 2));
    const counted = order.filter((category) => !hidden.has(categories[category] as string));
    const found = parts.loadsOf(records, { from: first, to: last, parts: width, counted });
    const sums = found.map((load) => load.reduce((a, b) => a + b, 0));
    loads = { loads: found, most: Math.max(1, sums.reduce((a, b) => Math.max(a, b), 0)) };
  }

  // Going elsewhere.

  function show(start: number, end: number): void {
    const span = Math.min(Math.max(end - start, SHORTEST), (last - first) * 1.1);
    // The ends of the trace stay near those of the picture.
    const least = first - span * 0.05;
    const most = last - span * 0.95;
    from = Math.min(Math.max(start + (end - start - span) / 2, Math.min(least, most)), Math.max(least, most));
    to = from + span;
    draw();
  }

  function zoom(factor: number, at: number): void {
    const span = Math.min(Math.max((to - from) * factor, SHORTEST), (last - first) * 1.1);
    const start = at - (at - from) * span / (to - from);
    show(start, start + span);
  }

  function pan(part: number): void {
    show(from + (to - from) * part, to + (to - from) * part);
  }

  function timeAt(x: number): number {
    const area = canvas.getBoundingClientRect();
    return from + (x - area.x) / area.width * (to - from);
  }

  /** What is under the pointer: the shortest of all that are. */
  function recordAt(x: number, y: number): PageRecord | null {
    const area = canvas.getBoundingClientRect();
    const down = y - area.y + plot.scrollTop;
    const row = placed.find((row) => row.y <= down && down < row.y + row.height);
    if (row === undefined) return null;
    const near = (to - from) / area.width * 3;
    const time = timeAt(x);
    let best: PageRecord | null = null;
    for (const record of recordsOf[row.row] ?? []) {
      const { start, end, category } = record;
      const name = categories[category] as string;
      const isMoment = name === "deadline" || name === "cancel";
      if (hidden.has(name) || time < start - near * (isMoment ? 2 : 1) || time > end + near * (isMoment ? 2 : 1)) {
        continue;
      }
      const place = parts.placeOf(record, row, { sizes, categories });
      if (!isMoment && (down < place.y - 1 || down > place.y + place.height + 1)) continue;
      if (best === null || end - start <= best.end - best.start) best = record;
    }
    return best;
  }

  // What is said of a record.

  function describe(record: PageRecord): PageElement[] {
    const { name, category, start, end, row, words } = record;
    const isTask = categories[category] === "running";
    const list = document.createElement("dl");
    const say = (key: string, value: string): void => list.append(make("dt", "", key), make("dd", "", value));
    if (!isTask) say("in", data.rows[row]?.name ?? "");
    if (start === end) say("at", `t=${timeWords(start)}`);
    else {
      say("took", timeWords(end - start));
      say("from", `t=${timeWords(start)} to ${timeWords(end)}`);
    }
    for (const [key, value] of words) say(key, value);
    if (isTask && record.from >= 0) say("by", data.rows[record.from]?.name ?? "");
    return [make("strong", categories[category] as string, name), list];
  }

  function select(record: PageRecord | null): void {
    selected = record;
    detail.hidden = record === null;
    detail.replaceChildren(...(record === null ? [] : describe(record)));
    draw();
  }

  function point(event: PageEvent): void {
    const record = recordAt(event.clientX, event.clientY);
    if (record !== hovered) {
      hovered = record;
      tip.replaceChildren(...(record === null ? [] : describe(record)));
      draw();
    }
    tip.hidden = record === null;
    if (record === null) return;
    const { width, height } = tip.getBoundingClientRect();
    const beside = event.clientX + 14 + width > window.innerWidth ? event.clientX - width - 14 : event.clientX + 14;
    const below = event.clientY + 14 + height > window.innerHeight ? event.clientY - height - 10 : event.clientY + 14;
    tip.style.setProperty("left", `${Math.max(4, beside)}px`);
    tip.style.setProperty("top", `${Math.max(4, below)}px`);
  }

  function forget(): void {
    hovered = null;
    tip.hidden = true;
    draw();
  }

  /** Goes to the next of those that are looked for, or of all; or to the one before. */
  function step(by: 1 | -1): void {
    const seen = placed.flatMap(({ row }) => recordsOf[row] ?? []).filter(({ index, category }) =>
      (fitting === null || fitting.has(index)) && !hidden.has(categories[category] as string)
    ).sort((a, b) => a.start - b.start || a.index - b.index);
    if (seen.length === 0) return;
    forget();
    const at = selected === null ? -1 : seen.indexOf(selected);
    const next = seen[at < 0 ? (by === 1 ? 0 : seen.length - 1) : (at + by + seen.length) % seen.length] as PageRecord;
    select(next);
    const span = to - from;
    if (next.end < from || next.start > to) {
      show((next.start + next.end - span) / 2, (next.start + next.end + span) / 2);
    }
    const row = rowAt.get(next.row) as PlacedRow;
    if (row.y < plot.scrollTop || row.y + row.height > plot.scrollTop + plot.clientHeight) {
      plot.scrollTop = row.y - plot.clientHeight / 2;
    }
  }

  // Who does what.

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    // By lines or pages, as some do.
    const unit = event.deltaMode === 0 ? 1 : event.deltaMode === 1 ? 16 : 100;
    const [across, down] = [event.deltaX * unit, event.deltaY * unit];
    if (event.shiftKey || Math.abs(across) > Math.abs(down)) pan((across || down) / 1_000);
    else zoom(Math.exp(Math.max(-200, Math.min(200, down)) / 400), timeAt(event.clientX));
    point(event);
  }, { passive: false });
  names.addEventListener("wheel", (event) => {
    event.preventDefault();
    plot.scrollTop += event.deltaY * (event.deltaMode === 0 ? 1 : 16);
  }, { passive: false });

  let drag: { x: number; y: number; moved: boolean } | null = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    drag = { x: event.clientX, y: event.clientY, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drag === null) return point(event);
    const [across, down] = [event.clientX - drag.x, event.clientY - drag.y];
    // A hand is not quite still while it clicks.
    if (!drag.moved && Math.abs(across) + Math.abs(down) < 4) return;
    drag = { x: event.clientX, y: event.clientY, moved: true };
    canvas.classList.add("dragged");
    forget();
    pan(-across / canvas.getBoundingClientRect().width);
    plot.scrollTop -= down;
  });
  canvas.addEventListener("pointerup", (event) => {
    canvas.classList.remove("dragged");
    if (drag !== null && !drag.moved) select(recordAt(event.clientX, event.clientY));
    drag = null;
  });
  canvas.addEventListener("pointercancel", () => {
    canvas.classList.remove("dragged");
    drag = null;
  });
  canvas.addEventListener("pointerleave", forget);
  canvas.addEventListener("dblclick", (event) => {
    const record = recordAt(event.clientX, event.clientY);
    if (record !== null && record.end > record.start) {
      const margin = (record.end - record.start) * 0.1;
      show(record.start - margin, record.end + margin);
    }
  });

  const moveTo = (event: PageEvent): void => {
    if (event.buttons !== 1) return;
    const area = overview.getBoundingClientRect();
    const middle = first + (event.clientX - area.x) / area.width * (last - first);
    show(middle - (to - from) / 2, middle + (to - from) / 2);
  };
  overview.addEventListener("pointerdown", (event) => {
    overview.setPointerCapture(event.pointerId);
    moveTo(event);
  });
  overview.addEventListener("pointermove", moveTo);

  plot.addEventListener("scroll", forget);
  window.addEventListener("resize", () => {
    placeRows();
    measureLoads();
    draw();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColours();
    draw();
  });
  search.addEventListener("input", look);
  element("fit").addEventListener("click", () => show(first, last));
  element("closer").addEventListener("click", () => zoom(0.5, (from + to) / 2));
  element("further").addEventListener("click", () => zoom(2, (from + to) / 2));

  const buttons = element("legend").querySelectorAll("button");
  for (let i = 0; i < buttons.length; i++) {
    const button = buttons[i] as PageElement;
    button.addEventListener("click", () => {
      const name = button.dataset["category"] ?? "";
      if (!hidden.delete(name)) hidden.add(name);
      button.setAttribute("aria-pressed", `${!hidden.has(name)}`);
      measureLoads();
      draw();
    });
  }

  const keys: Record<string, () => void> = {
    "ArrowLeft": () => pan(-0.15),
    "ArrowRight": () => pan(0.15),
    "ArrowUp": () => plot.scrollTop -= 60,
    "ArrowDown": () => plot.scrollTop += 60,
    "PageUp": () => plot.scrollTop -= plot.clientHeight * 0.9,
    "PageDown": () => plot.scrollTop += plot.clientHeight * 0.9,
    "+": () => zoom(0.7, middle()),
    "=": () => zoom(0.7, middle()),
    "-": () => zoom(1 / 0.7, middle()),
    "0": () => show(first, last),
    "Home": () => show(first, last),
    "n": () => step(1),
    "p": () => step(-1),
    "/": () => search.focus(),
    "Escape": () => {
      select(null);
      forget();
    },
  };
  /** Where the keys zoom: at what is selected, if that is to be seen. */
  function middle(): number {
    const at = selected === null ? NaN : (selected.start + selected.end) / 2;
    return at >= from && at <= to ? at : (from + to) / 2;
  }
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.activeElement === search) {
      if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") {
        search.value = "";
        look();
        search.blur();
      } else return;
      return event.preventDefault();
    }
    const key = keys[event.key];
    if (key === undefined) return;
    event.preventDefault();
    key();
  });

  readColours();
  placeRows();
  measureLoads();
  show(data.from, last);
  // Its first picture at once: a page in the background gets no frames.
  paint();
}

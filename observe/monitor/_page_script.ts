/**
 * What runs in the monitor's page. These functions are put into it as their text, beside those of `_view.ts`: they use
 * each other, those, and what is in every browser, and nothing else of this module.
 *
 * Everything that comes from the program is put in as text, never as HTML: names and labels are other people's. Only
 * those rows are in the page that can be seen.
 *
 * Over 400 lines, as it is one program.
 */

import type { PageElement, PageWindow } from "../base/page_dom.ts";
import { ageText, alarmOf, bytesText, detailsOf, type Tab, tabsOf, type View, viewOf, type ViewRow } from "./_view.ts";
import type { Snapshot } from "./_wire.ts";

/** Makes an element with a class and text. */
export function make(page: PageWindow, tag: string, className = "", text = ""): PageElement {
  const element = page.document.createElement(tag);
  if (className !== "") element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}

/** An element that the page has from the start. */
export function part(page: PageWindow, id: string): PageElement {
  const element = page.document.getElementById(id);
  if (element === null) throw new Error(`Cannot show the page as "${id}" must be in it: it is not`);
  return element;
}

/** A line that shows how a number went. */
export function sparkLine(page: PageWindow): { readonly element: PageElement; add(value: number): void } {
  const space = "http://www.w3.org/2000/svg";
  const element = page.document.createElementNS(space, "svg");
  const line = page.document.createElementNS(space, "polyline");
  element.setAttribute("viewBox", "0 0 60 16");
  element.setAttribute("preserveAspectRatio", "none");
  element.setAttribute("aria-hidden", "true");
  element.append(line);
  const values: number[] = [];
  return {
    element,
    add(value) {
      values.push(value);
      if (values.length > 60) values.shift();
      const most = Math.max(...values, 1e-9);
      line.setAttribute(
        "points",
        values.map((one, index) => `${60 - values.length + index + 1},${(15 - 14 * one / most).toFixed(1)}`).join(" "),
      );
    },
  };
}

/** The numbers at the top. */
export function numberTiles(page: PageWindow): (snapshot: Snapshot) => void {
  const names = ["tasks", "running", "waits/s", "spawns/s", "loop lag", "heap", "host operations", "watched for"];
  const tiles = names.map((name) => {
    const value = make(page, "span", "value", "–");
    const line = name === "watched for" ? null : sparkLine(page);
    const tile = make(page, "div", "tile");
    tile.append(make(page, "span", "name", name), value);
    if (line !== null) tile.append(line.element);
    part(page, "numbers").append(tile);
    return { tile, value, line };
  });
  let last: Snapshot | null = null;
  return (snapshot) => {
    const { numbers } = snapshot;
    const seconds = last === null ? 0 : (snapshot.at - last.at) / 1_000;
    const rate = (now: number, before: number) => seconds > 0 ? Math.max(Math.round((now - before) / seconds), 0) : 0;
    const values = [
      numbers.tasks,
      numbers.running,
      rate(numbers.waitsEnded, last?.numbers.waitsEnded ?? 0),
      rate(numbers.tasksStarted, last?.numbers.tasksStarted ?? 0),
      numbers.lag,
      numbers.heap,
      numbers.hostOperations,
      numbers.uptime,
    ];
    const texts = [
      ...values.slice(0, 4).map((value) => value.toLocaleString("en")),
      `${ageText(numbers.lag)} (${Math.round(numbers.worstLag)})`,
      bytesText(numbers.heap),
      numbers.hostOperations.toLocaleString("en"),
      ageText(numbers.uptime),
    ];
    tiles.forEach(({ value, line }, index) => {
      value.textContent = texts[index] as string;
      line?.add(values[index] as number);
    });
    (tiles[4] as { tile: PageElement }).tile.title = `at most, in the last second (in the last minute: ${
      ageText(numbers.worstLag)
    })`;
    (tiles[4] as { tile: PageElement }).tile.classList.toggle("bad", numbers.worstLag > 100);
    (tiles[5] as { tile: PageElement }).tile.title = `resident: ${bytesText(numbers.rss)}`;
    last = snapshot;
  };
}

/** A table of which only those rows are made that can be seen. */
export function bigTable(
  page: PageWindow,
  options: {
    readonly choose: (row: ViewRow) => void;
    readonly fold: (row: ViewRow) => void;
    readonly isFolded: (row: ViewRow) => boolean;
  },
): { show(view: View, chosen: string): void; move(by: number, chosen: string): void } {
  const height = 26;
  const [head, body, spacer, window] = ["head", "body", "spacer", "window"].map((id) => part(page, id)) as [
    PageElement,
    PageElement,
    PageElement,
    PageElement,
  ];
  let view: View = { columns: [], toned: -1, rows: [], leftOut: "" };
  let chosen = "";
  const cellOf = (row: ViewRow, text: string, index: number): PageElement => {
    const cell = make(page, "span", `cell c${index}`);
    cell.setAttribute("role", "cell");
    if (index === 0 && (row.depth > 0 || row.folds)) {
      const indent = make(page, "span", "indent");
      indent.style.setProperty("width", `${row.depth * 14}px`);
      const fold = make(page, "button", "fold", row.folds ? options.isFolded(row) ? "▸" : "▾" : "");
      fold.tabIndex = -1;
      fold.disabled = !row.folds;
      fold.setAttribute("aria-label", "fold");
      fold.addEventListener("click", (event) => {
        event.stopPropagation();
        options.fold(row);
      });
      cell.append(indent, fold);
    }
    if (index === view.toned && text !== "") cell.append(make(page, "span", `pill ${row.tone}`, text));
    else cell.append(text);
    cell.title = text;
    return cell;
  };
  const draw = (): void => {
    spacer.style.setProperty("height", `${view.rows.length * height}px`);
    const first = Math.max(Math.floor(body.scrollTop / height) - 5, 0);
    const rows = view.rows.slice(first, first + Math.ceil(body.clientHeight / height) + 10);
    window.style.setProperty("transform", `translateY(${first * height}px)`);
    window.replaceChildren(...rows.map((row) => {
      const element = make(page, "div", `row${row.old ? " old" : ""}${row.key === chosen ? " chosen" : ""}`);
      element.setAttribute("role", "row");
      element.append(...row.cells.map((text, index) => cellOf(row, text, index)));
      element.addEventListener("click", () => options.choose(row));
      return element;
    }));
  };
  body.addEventListener("scroll", draw);
  page.addEventListener("resize", draw);
  return {
    show(next, key) {
      const changed = next.columns.join() !== view.columns.join();
      view = next;
      chosen = key;
      if (changed) {
        head.replaceChildren(...view.columns.map((name, index) => make(page, "span", `cell c${index}`, name)));
        body.scrollTop = 0;
      }
      draw();
    },
    move(by, key) {
      const index = view.rows.findIndex((row) => row.key === key);
      const next = view.rows[Math.min(Math.max(index + by, 0), view.rows.length - 1)];
      if (next === undefined) return;
      const top = view.rows.indexOf(next) * height;
      if (top < body.scrollTop) body.scrollTop = top;
      if (top + height > body.scrollTop + body.clientHeight) body.scrollTop = top + height - body.clientHeight;
      options.choose(next);
    },
  };
}

/** Asks for one snapshot after the other, for as long as the page is open; tells what is wrong with the connection. */
export async function follow(
  page: PageWindow,
  token: string,
  told: { readonly snapshot: (snapshot: Snapshot) => void; readonly trouble: (text: string) => void },
): Promise<void> {
  for (;;) {
    let wait = 1_000;
    try {
      const response = await page.fetch("/snapshot", { headers: { authorization: `Bearer ${token}` } });
      if (response.ok) {
        const snapshot: Snapshot = await response.json();
        told.snapshot(snapshot);
        wait = Math.max(snapshot.settings.interval, snapshot.took * 10);
      } else {
        told.trouble(await response.text());
        if (response.status === 401 || response.status === 403) return;
      }
    } catch (error) {
      told.trouble(`The program cannot be reached: it may have ended; trying again … (${error})`);
    }
    await new Promise<void>((resolve) => page.setTimeout(resolve, wait));
  }
}

/** Saves what the program answers as a file. */
export async function save(page: PageWindow, token: string, path: string, file: string): Promise<string> {
  try {
    const response = await page.fetch(path, { headers: { authorization: `Bearer ${token}` } });
    if (!response.ok) return await response.text();
    const link = page.document.createElement("a");
    const url = page.URL.createObjectURL(await response.blob());
    link.href = url;
    link.download = file;
    link.click();
    page.URL.revokeObjectURL(url);
    return `saved as ${file}`;
  } catch (error) {
    return `failed: ${error}`;
  }
}

/** The whole page. */
export function monitorPage(page: PageWindow): void {
  const token = page.location.hash.replace(/^#/, "");
  const notice = part(page, "notice");
  const alarm = part(page, "alarm");
  const filter = part(page, "filter");
  const pause = part(page, "pause");
  const internal = part(page, "internal");
  const details = part(page, "details");
  const showNumbers = numberTiles(page);
  const folded = new Set<string>();
  let tab: Tab = "tasks";
  let snapshot: Snapshot | null = null;
  let newest: Snapshot | null = null;
  let updatedAt = Date.now();
  let trouble = "";
  let paused = false;
  let chosen: ViewRow | null = null;

  const table = bigTable(page, {
    choose(row) {
      chosen = chosen?.key === row.key ? null : row;
      show();
    },
    fold(row) {
      if (!folded.delete(row.key)) folded.add(row.key);
      show();
    },
    isFolded: (row) => folded.has(row.key),
  });

  const tabs = tabsOf().map(([name, title]) => {
    const button = make(page, "button", "tab", title);
    button.setAttribute("role", "tab");
    button.dataset["tab"] = name;
    button.addEventListener("click", () => {
      tab = name;
      chosen = null;
      show();
    });
    part(page, "tabs").append(button);
    return { name, title, button };
  });

  function show(): void {
    if (snapshot === null) return;
    const counts: Partial<Record<Tab, number>> = {
      tasks: snapshot.numbers.tasks,
      operations: snapshot.numbers.hostOperations,
      loop: snapshot.findings.filter(({ kind }) => kind === "blocked loop" || kind === "busy machine").length,
      findings: snapshot.findings.filter(({ kind }) => kind !== "blocked loop" && kind !== "busy machine").length,
    };
    for (const { name, title, button } of tabs) {
      button.setAttribute("aria-selected", String(name === tab));
      button.textContent = counts[name] ? `${title} ${counts[name]}` : title;
    }
    const view = viewOf(snapshot, { tab, filter: filter.value, internal: internal.checked, folded });
    part(page, "table").className = `table ${tab}`;
    table.show(view, chosen?.key ?? "");
    part(page, "left-out").textContent = view.rows.length === 0 ? "Nothing to show here." : view.leftOut;
    alarm.textContent = alarmOf(snapshot);
    alarm.hidden = alarm.textContent === "";
    showDetails();
  }

  function showDetails(): void {
    details.hidden = chosen === null;
    if (chosen === null || snapshot === null) return;
    const row = chosen;
    const lines = row.task > 0
      ? detailsOf(snapshot, row.run, row.task)
      : [...row.cells, ...row.frames.map((frame) => `    at ${frame}`)];
    part(page, "details-text").textContent = lines.join("\n");
    const cancel = part(page, "cancel");
    const task = snapshot.tasks.find(({ run, id }) => run === row.run && id === row.task);
    cancel.hidden = !snapshot.settings.allowCancel || task === undefined || task.depth === 0 || task.cancelled;
    if (cancel.dataset["for"] !== row.key) {
      cancel.dataset["for"] = row.key;
      cancel.textContent = "Cancel this task";
      part(page, "details-notice").textContent = "";
    }
  }

  part(page, "cancel").addEventListener("click", async () => {
    const cancel = part(page, "cancel");
    if (chosen === null) return;
    if (cancel.textContent === "Cancel this task") {
      cancel.textContent = "Really cancel it?";
      return;
    }
    const { run, task } = chosen;
    cancel.textContent = "Cancel this task";
    const response = await page.fetch(`/cancel?run=${run}&task=${task}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
    part(page, "details-notice").textContent = response.ok ? "cancelled" : await response.text();
  });
  part(page, "close").addEventListener("click", () => {
    chosen = null;
    show();
  });
  for (const [id, path, file] of [["trace", "/trace.html?seconds=5", "trace.html"], ["tree", "/tree", "tree.txt"]]) {
    const button = part(page, id as string);
    button.addEventListener("click", async () => {
      button.disabled = true;
      part(page, "saved").textContent = id === "trace" ? "recording for 5 seconds …" : "";
      part(page, "saved").textContent = await save(page, token, path as string, file as string);
      button.disabled = false;
    });
  }
  filter.addEventListener("input", show);
  internal.addEventListener("change", show);
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    if (!paused && newest !== null) {
      snapshot = newest;
      show();
    }
  });
  page.document.addEventListener("keydown", (event) => {
    const typing = page.document.activeElement === filter;
    if (event.key === "Escape") {
      filter.value = "";
      chosen = null;
      show();
    } else if (event.key === "/" && !typing) {
      event.preventDefault();
      filter.focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      table.move(event.key === "ArrowDown" ? 1 : -1, chosen?.key ?? "");
    } else if (!typing && /^[1-7]$/.test(event.key)) {
      tab = (tabs[Number(event.key) - 1] as { name: Tab }).name;
      chosen = null;
      show();
    }
  });

  function showNotice(): void {
    const silent = Date.now() - updatedAt;
    const interval = snapshot?.settings.interval ?? 500;
    const isSilent = snapshot !== null && trouble === "" && silent > Math.max(3 * interval, 2_000);
    const text = trouble !== ""
      ? trouble
      : isSilent
      ? `Last update ${ageText(silent)} ago: the event loop of the program is blocked.`
      : "";
    notice.textContent = text;
    notice.hidden = text === "";
  }

  page.setInterval(showNotice, 250);
  if (token === "") {
    trouble = "The token is missing: open the whole URL that the program has printed, with what is behind the #.";
    showNotice();
    return;
  }
  follow(page, token, {
    snapshot(next) {
      updatedAt = Date.now();
      trouble = "";
      newest = next;
      showNumbers(next);
      if (!paused) {
        snapshot = next;
        show();
      }
      showNotice();
    },
    trouble(text) {
      trouble = text;
      showNotice();
    },
  });
}

/** All of this, for the page. */
export const SCRIPT: readonly ((...args: never[]) => unknown)[] = [
  make,
  part,
  sparkLine,
  numberTiles,
  bigTable,
  follow,
  save,
  monitorPage,
];

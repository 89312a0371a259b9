// Reads columns of numbers from text: one column, CSV, tabs. Knows no task.

const DAY = 86400e3;
const STEPS = [
  ["min", 60e3, 60e3],
  ["15min", 900e3, 900e3],
  ["30min", 1800e3, 1800e3],
  ["h", 3600e3, 3600e3],
  ["D", DAY, DAY],
  ["W", 7 * DAY, 7 * DAY],
  ["MS", 28 * DAY, 31 * DAY],
  ["QS", 89 * DAY, 92 * DAY],
  ["YS", 365 * DAY, 366 * DAY],
];
const MISSING = new Set(["", "na", "n/a", "nan", "null", "none", "-", "?"]);
const TIME = /^\d{4}-\d{1,2}(-\d{1,2})?([T ]\d{1,2}:\d{2}(:\d{2})?)?/;

/**
 * {columns: [{name, values}], start, frequency}; values are numbers or null. A first column of
 * dates gives start and frequency, both "" without one. Throws an Error that says what is wrong.
 */
export function readTable(text) {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  while (lines.length && !lines.at(-1)) lines.pop();
  if (!lines.length) throw new Error("there are no values yet");
  const split = splitter(lines);
  let rows = lines.map(split);
  if (rows.length === 1) rows = rows[0].map((each) => [each]);
  const width = rows[0].length;
  const hasHead = rows[0].some((each) => !isNumber(each) && !TIME.test(each) && !MISSING.has(each.toLowerCase()));
  const names = hasHead ? rows.shift() : rows[0].map((_, index) => (width === 1 ? "values" : `column ${index + 1}`));
  let columns = names.map((name, index) => ({ name: name || `column ${index + 1}`, cells: rows.map((row) => row[index] ?? "") }));
  let start = "";
  let frequency = "";
  if (columns.length > 1 && columns[0].cells.every((each) => TIME.test(each))) {
    const times = columns[0].cells.map(asTime);
    columns = columns.slice(1);
    frequency = frequencyOf(times);
    if (frequency) start = new Date(times[0]).toISOString().slice(0, 19);
  }
  return { columns: columns.map(({ name, cells }) => ({ name, values: numbers(name, cells, hasHead) })), start, frequency };
}

function splitter(lines) {
  const head = lines.slice(0, 20).join("\n");
  if (head.includes("\t")) return (line) => line.split("\t").map((each) => each.trim());
  // A comma is a decimal point where semicolons stand between cells.
  if (head.includes(";")) return (line) => line.split(";").map((each) => each.trim().replace(/^(-?\d+),(\d+)$/, "$1.$2"));
  if (head.includes(",")) return (line) => line.replace(/,\s*$/, "").split(",").map((each) => each.trim().replace(/^"(.*)"$/, "$1"));
  if (lines.length === 1) return (line) => line.split(/\s+/);
  return (line) => [line];
}

const isNumber = (text) => text !== "" && Number.isFinite(Number(text));

function numbers(name, cells, hasHead) {
  return cells.map((cell, index) => {
    if (MISSING.has(cell.toLowerCase())) return null;
    if (!isNumber(cell)) throw new Error(`${name}, line ${index + 1 + Number(hasHead)}: ${JSON.stringify(cell.slice(0, 40))} is no number`);
    return Number(cell);
  });
}

const asTime = (text) => {
  const [date, clock = "00:00"] = text.split(/[T ]/);
  const [year, month, day = 1] = date.split("-").map(Number);
  const [hour, minute, second = 0] = clock.split(":").map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second || 0);
};

/** The time of a step: `start` as the first one, so many steps of a frequency later. */
export function timeAt(start, frequency, index) {
  const time = asTime(start);
  const months = { MS: 1, QS: 3, YS: 12 }[frequency];
  const date = new Date(months ? time : time + index * STEPS.find(([name]) => name === frequency)[1]);
  if (months) date.setUTCMonth(date.getUTCMonth() + months * index);
  return date.toISOString().slice(0, 19);
}

function frequencyOf(times) {
  const gaps = times.slice(1).map((time, index) => time - times[index]);
  const found = STEPS.find(([, least, most]) => gaps.every((gap) => gap >= least && gap <= most));
  return found ? found[0] : "";
}

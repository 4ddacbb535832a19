// Tables are sorted by a click on a heading: numbers from the largest, texts from A; again turns the order around.
"use strict";
for (const button of document.querySelectorAll("table.sortable thead button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th"), table = button.closest("table"), column = heading.cellIndex;
    const value = (row) => {
      const cell = row.cells[column];
      return cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
    };
    const empty = (v) => v === "" || v === "\u2013";
    const numbers = [...table.tBodies[0].rows].some((row) => typeof value(row) === "number");
    const before = heading.getAttribute("aria-sort");
    const falling = before ? before === "ascending" : numbers;
    const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b
      : String(a).localeCompare(String(b), "en", { numeric: true });
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    for (const body of table.tBodies) {
      const rows = [...body.rows].sort((one, other) => {
        const a = value(one), b = value(other);
        if (empty(a) || empty(b)) return empty(a) - empty(b);
        return falling ? compare(b, a) : compare(a, b);
      });
      body.append(...rows);
    }
  });
}

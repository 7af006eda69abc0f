// @ts-check
// A plot of one number over time, as the paths of an SVG.

const [WIDTH, HEIGHT, SECONDS] = [600, 180, 600];

/**
 * Draws one value a second, the newest at the right edge. Returns the value at the upper edge.
 *
 * @param {SVGElement} svg
 * @param {number[]} values
 */
export function draw(svg, values) {
  // Room above, and an even number, so that the line in the middle has a whole one.
  const top = 2 * Math.ceil(Math.max(4, ...values) * 0.55);
  const points = values.map((value, index) => {
    const x = WIDTH - (values.length - 1 - index) * (WIDTH / (SECONDS - 1));
    return `${x.toFixed(1)},${(HEIGHT - (value / top) * HEIGHT).toFixed(1)}`;
  });
  const [area, line] = [svg.querySelector(".area"), svg.querySelector(".line")];
  if (points.length === 0) {
    area?.removeAttribute("d");
    line?.removeAttribute("d");
    return top;
  }
  // A single one is a dot.
  line?.setAttribute("d", `M${points.join("L")}${points.length == 1 ? "h0" : ""}`);
  const start = points[0].split(",")[0];
  area?.setAttribute("d", `M${start},${HEIGHT}L${points.join("L")}L${WIDTH},${HEIGHT}Z`);
  return top;
}

/**
 * Rows of pixels that a convex polygon covers: for each row from `top` to `bottom` (exclusive), pixels from `left`
 * to `right` (exclusive). A pixel is covered when its centre is inside; polygons that share an edge share no pixel
 * and leave none out, because an edge is always walked from its upper end.
 */
export class Spans {
  readonly width: number
  readonly height: number
  readonly left: Int32Array
  readonly right: Int32Array
  top = 0
  bottom = 0

  constructor(width: number, height: number) {
    this.width = width
    this.height = height
    this.left = new Int32Array(height)
    this.right = new Int32Array(height)
  }

  /** Traces a convex polygon, counter-clockwise as displayed (y down); false when it covers no row. */
  trace(x: Float64Array, y: Float64Array, count: number): boolean {
    this.begin()
    let x0 = x[count - 1]
    let y0 = y[count - 1]
    for (let i = 0; i < count; i++) {
      const x1 = x[i]
      const y1 = y[i]
      this.edge(x0, y0, x1, y1)
      x0 = x1
      y0 = y1
    }
    return this.top < this.bottom
  }

  /** Starts a polygon that is given edge by edge. */
  begin(): void {
    this.top = this.height
    this.bottom = 0
  }

  /** Adds an edge, directed as in a counter-clockwise walk; the order of edges does not matter. */
  edge(x0: number, y0: number, x1: number, y1: number): void {
    const { width, height } = this
    const upward = y1 < y0
    const yUpper = upward ? y1 : y0
    const yLower = upward ? y0 : y1
    let row = Math.ceil(yUpper - 0.5)
    let end = Math.ceil(yLower - 0.5)
    if (row < 0) row = 0
    if (end > height) end = height
    if (row >= end) return
    const xUpper = upward ? x1 : x0
    const slope = (upward ? x0 - x1 : x1 - x0) / (yLower - yUpper)
    const side = upward ? this.right : this.left
    let edge = xUpper + (row + 0.5 - yUpper) * slope - 0.5
    if (row < this.top) this.top = row
    if (end > this.bottom) this.bottom = end
    for (; row < end; row++) {
      const pixel = Math.ceil(edge)
      side[row] = pixel < 0 ? 0 : Math.min(pixel, width)
      edge += slope
    }
  }
}

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
    const { width, height } = this
    let top = height
    let bottom = 0
    let x0 = x[count - 1]
    let y0 = y[count - 1]
    for (let i = 0; i < count; i++) {
      const x1 = x[i]
      const y1 = y[i]
      const upward = y1 < y0
      const yUpper = upward ? y1 : y0
      const yLower = upward ? y0 : y1
      let row = Math.ceil(yUpper - 0.5)
      let end = Math.ceil(yLower - 0.5)
      if (row < 0) row = 0
      if (end > height) end = height
      if (row < end) {
        const xUpper = upward ? x1 : x0
        const slope = (upward ? x0 - x1 : x1 - x0) / (yLower - yUpper)
        const side = upward ? this.right : this.left
        let edge = xUpper + (row + 0.5 - yUpper) * slope - 0.5
        if (row < top) top = row
        if (end > bottom) bottom = end
        for (; row < end; row++) {
          const pixel = Math.ceil(edge)
          side[row] = pixel < 0 ? 0 : Math.min(pixel, width)
          edge += slope
        }
      }
      x0 = x1
      y0 = y1
    }
    this.top = top
    this.bottom = bottom
    return top < bottom
  }
}

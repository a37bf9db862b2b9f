const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text that is safe in HTML and in a quoted attribute. */
export function escapeHtml(value: unknown): string {
  return String(value).replace(/[&<>"']/g, (character) => entities[character])
}

/** 0.8321 -> '83.2 %' */
export function percent(rate: number): string {
  return `${(100 * rate).toFixed(1)} %`
}

/** A number with four digits that matter: 1234567 -> '1.235M', 0.000012 -> '1.2e-5', 0.5 -> '0.5'. */
export function compact(value: number): string {
  const size = Math.abs(value)
  if (!Number.isFinite(value)) return String(value)
  if (size >= 1e9 || (size > 0 && size < 1e-3)) {
    return value
      .toExponential(3)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e')
  }
  const [scale, suffix] = size >= 1e6 ? [1e6, 'M'] : size >= 1e4 ? [1e3, 'k'] : [1, '']
  return `${Number((value / scale).toPrecision(4))}${suffix}`
}

/**
 * URL of a compiled module for a worker thread: Node cannot load TypeScript, so when the caller runs from
 * source (tests) the module of the last build is used instead.
 */
export function compiledUrl(from: string, relative: string): URL {
  const url = new URL(relative, from)
  if (!from.endsWith('.ts')) return url
  const root = new URL('../../', import.meta.url)
  return new URL(`dist/${url.href.slice(root.href.length)}`, root)
}

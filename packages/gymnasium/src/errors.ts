/** Bad input by the user: the command prints the message as one line and exits with code 2. */
export class UserError extends Error {
  override readonly name = 'UserError'
}

/** Levenshtein distance of two strings. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(previous[j] + 1, row[j - 1] + 1, substitution))
    }
    previous = row
  }
  return previous[b.length]
}

/** Known ids, nearest to `id` first (edit distance, ignoring case). */
export function nearestIds(id: string, known: Iterable<string>, count = 3): string[] {
  const distance = (candidate: string) => editDistance(id.toLowerCase(), candidate.toLowerCase())
  return [...known].sort((a, b) => distance(a) - distance(b) || (a < b ? -1 : 1)).slice(0, count)
}

/** Error for an id that is not known, naming the nearest ones. */
export function unknownId(what: string, id: string, known: Iterable<string>): UserError {
  return new UserError(
    `unknown ${what} '${id}'; nearest known: ${nearestIds(id, known).join(', ') || 'none'}`,
  )
}

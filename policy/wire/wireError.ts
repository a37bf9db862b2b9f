/** What a peer sent cannot be used. The message is one line and fit to be sent back. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

import { UserError } from '@vla-gym/gymnasium'

/**
 * A policy server that cannot be reached, went away, was too slow or sent what cannot be used: no fault of the policy's
 * actions. The message is one line.
 */
export class RemoteError extends Error {
  override readonly name = 'RemoteError'
}

/** Errors of the wire and of sockets as ones that name the server; the user's, and faults of the program, stay. */
export function asRemoteError(error: unknown, url: string): Error {
  if (error instanceof UserError || error instanceof RemoteError || error instanceof TypeError) return error
  return new RemoteError(`${url}: ${oneLine((error as Error).message)}`)
}

/** A peer's text, or the last line of its traceback, as a part of one line. */
export function oneLine(text: unknown): string {
  const lines = String(text).trim().split('\n')
  return lines[lines.length - 1].replace(/\p{Cc}+/gu, ' ').slice(0, 200)
}

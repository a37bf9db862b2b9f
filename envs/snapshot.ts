import { UserError } from '@vla-gym/gymnasium'

/** Header length (u32, little endian), JSON header {kind, state, worldBytes}, then the physics world. */
export function packSnapshot(kind: string, state: object, world: Uint8Array): Uint8Array {
  const header = new TextEncoder().encode(JSON.stringify({ kind, state, worldBytes: world.length }))
  const bytes = new Uint8Array(4 + header.length + world.length)
  new DataView(bytes.buffer).setUint32(0, header.length, true)
  bytes.set(header, 4)
  bytes.set(world, 4 + header.length)
  return bytes
}

/** Inverse of `packSnapshot`; UserError if the bytes are of another kind or not all there. */
export function unpackSnapshot<T>(kind: string, bytes: Uint8Array): { state: T; world: Uint8Array } {
  let header: { kind?: string; state?: T; worldBytes?: number } = {}
  let end = 4
  try {
    end += new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, end)))
  } catch {
    header = {}
  }
  if (header.kind !== kind || header.state === undefined) {
    throw new UserError(`snapshot is of '${header.kind ?? 'something else'}', this environment is '${kind}'`)
  }
  if (bytes.length - end !== header.worldBytes) {
    throw new UserError(
      `snapshot is cut short: ${bytes.length - end} of ${header.worldBytes} bytes of its physics world`,
    )
  }
  return { state: header.state, world: bytes.slice(end) }
}

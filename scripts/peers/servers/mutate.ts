import type { Rng } from '@vla-gym/gymnasium'

/** Values that lengths and tags of MessagePack are broken with. */
const telling = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0xc1, 0xc4, 0xc6, 0xd9, 0xdb, 0xdd, 0xdf, 0xff]

/** A frame with one to four things wrong: bytes changed, cut out, doubled, put in, or the end cut off. */
export function mutate(frame: Uint8Array, rng: Rng): Uint8Array {
  let bytes = Uint8Array.from(frame)
  const times = rng.integers(1, 5)
  for (let i = 0; i < times && bytes.length > 0; i++) {
    // Headers lie in front of what they announce: the first bytes are hit as often as all the others.
    const end = rng.uniform() < 0.5 ? Math.min(64, bytes.length) : bytes.length
    const at = rng.integers(0, end)
    const length = rng.integers(1, 9)
    switch (rng.integers(0, 6)) {
      case 0:
        bytes[at] = rng.integers(0, 256)
        break
      case 1:
        bytes[at] = rng.choice(telling)
        break
      case 2:
        bytes[at] ^= 1 << rng.integers(0, 8)
        break
      case 3:
        bytes = bytes.slice(0, at)
        break
      case 4:
        bytes = joined(bytes.subarray(0, at), bytes.subarray(at + length))
        break
      default:
        bytes = joined(bytes.subarray(0, at + length), bytes.subarray(at))
    }
  }
  return bytes
}

const joined = (a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}

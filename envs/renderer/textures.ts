/** Patterns of Part.texture; the index is what the rasteriser carries. */
export const textureKinds: readonly string[] = [
  'plain',
  'wood',
  'checker',
  'cloth',
  'grain',
  'weave',
  'brushed',
  'speckle',
]

/** Patterns from here on are drawn in the plane of a face: x and y are the part's axes nearest to it, in order. */
export const firstPlanar = 3

/** How much of a pattern's detail of 2 mm samples `spacing` m apart can show, 0 to 1; more would flicker. */
export const visibleDetail = (spacing: number): number => Math.min(1, Math.max(0, (0.003 - spacing) / 0.0015))

/** Number of brightness steps of a pattern. */
export const textureLevels = 16

/** Albedo factor of a brightness step, 0.55 to 1. */
export const levelFactor = (level: number): number => 0.55 + (0.45 * level) / (textureLevels - 1)

/** Integer hash of two lattice coordinates to [0, 1); the same on every machine, unlike Math.sin. */
function hash(i: number, j: number): number {
  let h = (Math.imul(i, 374761393) + Math.imul(j, 668265263)) | 0
  h = Math.imul(h ^ (h >>> 13), 1274126177)
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296
}

/** Smooth noise of period 1 in [0, 1). */
function noise(x: number, y: number): number {
  const i = Math.floor(x)
  const j = Math.floor(y)
  const fx = x - i
  const fy = y - j
  const sx = fx * fx * (3 - 2 * fx)
  const sy = fy * fy * (3 - 2 * fy)
  const low = hash(i, j) + (hash(i + 1, j) - hash(i, j)) * sx
  const high = hash(i, j + 1) + (hash(i + 1, j + 1) - hash(i, j + 1)) * sx
  return low + (high - low) * sy
}

/** Distance to the nearest integer, doubled: a triangle wave of period 1 in [0, 1]. */
const wave = (x: number): number => 2 * Math.abs(x - Math.floor(x + 0.5))

/** Planks 9 cm wide along x with grain. */
function wood(x: number, y: number, z: number): number {
  const across = y + z
  const plank = Math.floor(across / 0.09)
  const seam = across / 0.09 - plank
  if (seam < 0.02) return 3
  const bend = noise(x * 4, across * 20 + plank * 7)
  const rings = wave(across * 45 + bend * 2.5)
  const fibre = noise(x * 25, across * 700)
  return (8 + 3 * hash(plank, 1) + 3 * rings + 1.99 * fibre) | 0
}

/** Squares of 2 cm. */
function checker(x: number, y: number, z: number): number {
  return (Math.floor(x / 0.02) + Math.floor(y / 0.02) + Math.floor(z / 0.02)) & 1 ? 7 : textureLevels - 1
}

/** A cloth: fine threads and soft stripes. */
function cloth(x: number, y: number, detail: number): number {
  const threads = (Math.floor(x / 0.002) + Math.floor(y / 0.002)) & 1
  return (10 + 2.5 * wave(x / 0.024) + 1.5 * wave(y / 0.024) + 1.5 * detail * threads) | 0
}

/** Wood of one piece, fibres along x. */
function grain(x: number, y: number, detail: number): number {
  const rings = wave(y * 90 + 2 * noise(x * 12, y * 60))
  return (9 + 4 * rings + 2.99 * detail * noise(x * 60, y * 1200)) | 0
}

/** Strands 6 mm wide, over and under each other in turn, darker towards their edges and where they dive. */
function weave(x: number, y: number, detail: number): number {
  const u = x / 0.006
  const v = y / 0.006
  const over = (Math.floor(u) + Math.floor(v)) & 1
  const across = over ? u - Math.floor(u) - 0.5 : v - Math.floor(v) - 0.5
  const along = over ? v - Math.floor(v) - 0.5 : u - Math.floor(u) - 0.5
  return (12 + detail * (3.99 - 26 * across * across - 16 * along * along)) | 0
}

/** Streaks along x. */
function brushed(x: number, y: number, detail: number): number {
  return (11 + 2 * noise(x * 6, y * 120) + 2.99 * detail * noise(x * 15, y * 900)) | 0
}

/** A skin or an enamel with spots. */
function speckle(x: number, y: number, detail: number): number {
  return (7 + 5 * noise(x * 90, y * 90) + 3.99 * detail * noise(x * 500, y * 500)) | 0
}

/**
 * Brightness step 0 to textureLevels - 1 of a pattern at a point, m: of the part's frame, or for planar kinds of the
 * face's plane. `detail` is visibleDetail.
 */
export function textureLevel(kind: number, x: number, y: number, z: number, detail: number): number {
  switch (kind) {
    case 1:
      return wood(x, y, z)
    case 2:
      return checker(x, y, z)
    case 3:
      return cloth(x, y, detail)
    case 4:
      return grain(x, y, detail)
    case 5:
      return weave(x, y, detail)
    case 6:
      return brushed(x, y, detail)
    case 7:
      return speckle(x, y, detail)
    default:
      return textureLevels - 1
  }
}

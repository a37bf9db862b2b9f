import type { Texture } from '../geometry.js'

/** Patterns of Part.texture; the index is what the rasteriser carries. */
export const textureKinds: readonly Texture[] = [
  'plain',
  'wood',
  'checker',
  'cloth',
  'grain',
  'weave',
  'brushed',
  'speckle',
  'tiles',
  'marble',
  'concrete',
  'stripes',
  'gingham',
  'terrazzo',
  'herringbone',
  'dots',
]

/** Patterns from here on are drawn in the plane of a face: x and y are the part's axes nearest to it, in order. */
export const firstPlanar = 3

/** How much of a pattern's detail of 2 mm samples `spacing` m apart can show, 0 to 1; more would flicker. */
export const visibleDetail = (spacing: number): number => Math.min(1, Math.max(0, (0.003 - spacing) / 0.0015))

/** Number of brightness steps of a pattern. */
export const textureLevels = 16

/** Albedo of a colour's own texture at its darkest step. */
export const darkOf = (r: number, g: number, b: number) => [0.55 * r, 0.55 * g, 0.55 * b] as const

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

/** Square tiles of 5 cm, each of its own shade, with joints of 2.5 mm. */
function tiles(x: number, y: number): number {
  const i = Math.floor(x / 0.05)
  const j = Math.floor(y / 0.05)
  if (x - 0.05 * i < 0.0025 || y - 0.05 * j < 0.0025) return 0
  return (10 + 3 * hash(i, j) + 2.99 * noise(x * 40, y * 40)) | 0
}

/** Stone with dark veins. */
function marble(x: number, y: number): number {
  const cloud = noise(x * 11, y * 11) + 0.5 * noise(x * 27, y * 27) + 0.25 * noise(x * 70, y * 70)
  const vein = 1 - wave(x * 5 + y * 2 + 1.6 * cloud)
  return (15.99 - 4 * noise(x * 20, y * 20) - 11 * vein ** 8) | 0
}

/** Cast stone: soft blotches and pores. */
function concrete(x: number, y: number, detail: number): number {
  const pore = detail * (noise(x * 350, y * 350) > 0.85 ? 4 : 0)
  return (4 + 7 * noise(x * 13, y * 13) + 4.99 * noise(x * 55, y * 55) - pore) | 0
}

/** Stripes of 2 cm across x. */
const stripes = (x: number): number => (Math.floor(x / 0.02) & 1 ? 0 : textureLevels - 1)

/** Checks of 2 cm in three shades, as of crossing stripes. */
function gingham(x: number, y: number): number {
  const crossed = (Math.floor(x / 0.02) & 1) + (Math.floor(y / 0.02) & 1)
  return crossed === 0 ? textureLevels - 1 : crossed === 1 ? 8 : 0
}

/** Chips of stone, at most one in every square of 18 mm, some of the darkest and some of the brightest step. */
function terrazzo(x: number, y: number): number {
  const i = Math.floor(x / 0.018)
  const j = Math.floor(y / 0.018)
  const kind = hash(i + 3, j + 89)
  if (kind > 0.75) return 9
  const radius = 0.003 + 0.004 * hash(i + 71, j)
  const room = 0.018 - 2 * radius
  const dx = x - 0.018 * i - radius - room * hash(i, j + 37)
  const dy = y - 0.018 * j - radius - room * hash(i + 13, j + 5)
  const stretch = 0.6 + 1.2 * hash(i + 29, j + 53)
  if (dx * dx + dy * dy + 2 * (stretch - 1) * dx * dy > radius * radius * 0.6) return 9
  return kind < 0.4 ? 0 : textureLevels - 1
}

/** Bricks of 3 by 9 cm at right angles to each other. */
function herringbone(x: number, y: number): number {
  const i = Math.floor(x / 0.03)
  const j = Math.floor(y / 0.03)
  const u = x / 0.03 - i
  const v = y / 0.03 - j
  // Each row is shifted by one square: three squares of a lying brick, then three of standing ones.
  const place = (((i - j) % 6) + 6) % 6
  const lying = place < 3
  const across = lying ? v : u
  const along = lying ? u + place : v + 5 - place
  if (across < 0.06 || along < 0.06) return 1
  const shade = lying ? hash(i - place, j) : hash(i, j + place + 500)
  return (7 + 6 * shade + 2.99 * noise((lying ? x : y) * 30, (lying ? y : x) * 500)) | 0
}

/** Dots 14 mm wide, 3 cm apart. */
function dots(x: number, y: number): number {
  const dx = x / 0.03 - Math.floor(x / 0.03) - 0.5
  const dy = y / 0.03 - Math.floor(y / 0.03) - 0.5
  return dx * dx + dy * dy < 0.0544 ? 0 : textureLevels - 1
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
    case 8:
      return tiles(x, y)
    case 9:
      return marble(x, y)
    case 10:
      return concrete(x, y, detail)
    case 11:
      return stripes(x)
    case 12:
      return gingham(x, y)
    case 13:
      return terrazzo(x, y)
    case 14:
      return herringbone(x, y)
    case 15:
      return dots(x, y)
    default:
      return textureLevels - 1
  }
}

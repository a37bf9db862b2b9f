import type { Vec3 } from '../geometry.js'
import { tabletopLighting } from '../renderer/lighting.js'
import { emptySpace, type SceneGraph } from '../renderer/sceneGraph.js'
import type { Surface } from '../renderer/solid.js'
import { darkOf, textureKinds } from '../renderer/textures.js'
import type { Appearance, ObjectLook } from './appearance.js'
import { fromOklab, toOklab } from './oklab.js'
import { type Material, tableLook } from './tableLook.js'

/** Bodies that a table's look covers; all other furniture is coloured as objects are. */
const COVERED: Readonly<Record<string, 'table' | 'sink'>> = { table: 'table', counter: 'table', sink: 'sink' }

/** Names of furniture and objects whose colours may change. */
export function shadedBodies(names: readonly string[]): string[] {
  return names.filter((name) => !(name in COVERED))
}

/** What the bodies of a scene look like by themselves. */
export type OwnSurfaces = ReadonlyMap<string, readonly Surface[]>

export function ownSurfaces({ nodes }: SceneGraph): OwnSurfaces {
  return new Map(nodes.map(({ name, solid }) => [name, [...solid.surfaces]]))
}

/** Gives bodies, light and background the look of an episode; what it does not name gets its own again. */
export function dress(graph: SceneGraph, own: OwnSurfaces, appearance: Appearance): void {
  const { table, objects, light = tabletopLighting, noise } = appearance
  const look = table && tableLook(table.look)
  for (const [name, surfaces] of own) {
    const covered = COVERED[name]
    if (table && look && covered) graph.paint(name, cover(surfaces, look[covered], table.shift))
    else if (objects?.[name]) graph.paint(name, shade(surfaces, objects[name]))
    else graph.paint(name, surfaces)
  }
  const exposure = noise?.exposure ?? 1
  graph.background = exposed(look?.room ?? emptySpace, exposure)
  graph.setLighting({ ...light, tint: exposed(light.tint, exposure) })
}

/** What is exposed longer is as if lit by more light. */
const exposed = (color: Vec3, exposure: number): Vec3 => (exposure === 1 ? color : scaled(color, exposure))

/** Parts that were darker than the body's brightest one are so again. */
function cover(
  surfaces: readonly Surface[],
  material: Material,
  shift: readonly [number, number],
): Surface[] {
  const brightest = Math.max(...surfaces.map(({ g }) => g))
  return surfaces.map(({ g: own, toPart }) => {
    const factor = own / brightest
    const [r, g, b] = scaled(material.bright, factor)
    return {
      ...{ r, g, b },
      dark: scaled(material.dark, factor),
      texture: textureKinds.indexOf(material.texture),
      toPart: laid(toPart, material, shift),
    }
  })
}

function scaled([r, g, b]: Vec3, factor: number): Vec3 {
  return [factor * r, factor * g, factor * b]
}

/** Frame of the pattern [3, 4]: that of the part, scaled, turned about z and shifted. */
function laid(toPart: Float64Array, { scale, angle }: Material, [x, y]: readonly [number, number]) {
  const [c, s] = [scale * Math.cos(angle), scale * Math.sin(angle)]
  const out = new Float64Array(12)
  for (let i = 0; i < 4; i++) {
    out[i] = c * toPart[i] + s * toPart[4 + i]
    out[4 + i] = -s * toPart[i] + c * toPart[4 + i]
    out[8 + i] = scale * toPart[8 + i]
  }
  out[3] += x
  out[7] += y
  return out
}

/** The same colours, another shade. */
function shade(surfaces: readonly Surface[], { hue, chroma, lightness, texture }: ObjectLook): Surface[] {
  const [c, s] = [chroma * Math.cos(hue), chroma * Math.sin(hue)]
  return surfaces.map((own) => {
    const [l, x, y] = toOklab([own.r, own.g, own.b])
    const [r, g, b] = fromOklab([lightness * l, c * x - s * y, s * x + c * y])
    return {
      ...{ r, g, b },
      dark: darkOf(r, g, b),
      texture: texture ? textureKinds.indexOf(texture) : own.texture,
      toPart: own.toPart,
    }
  })
}

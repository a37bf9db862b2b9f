import { Rng, UserError } from '@vla-gym/gymnasium'
import { DirectionalLight, Quaternion, Vector3 } from 'three'
import { describe, expect, it } from 'vitest'
import { flatTableCamera, type PinholeCamera } from '../../../envs/cameras/index.js'
import type { Body, Quat, Vec3 } from '../../../envs/geometry.js'
import { SceneGraph, SoftwareRenderer } from '../../../envs/renderer/index.js'
import { textureKinds, textureLevel, textureLevels, visibleDetail } from '../../../envs/renderer/textures.js'
import { enterBox, outline, pixelRay } from './analytic.js'
import { box, cube, demoScene, table, tableTop, turned, upright } from './demoScene.js'

const full = flatTableCamera()
const camera = full.cropped([95, 40, 400, 400], 100, 100)

interface Drawer {
  render(
    graph: SceneGraph,
    camera: PinholeCamera,
  ): { rgb: Uint8Array; depth: Float32Array; segmentation: Uint8Array }
}

function drawer(view: PinholeCamera, options: { supersample?: 1 | 2; shadows?: boolean } = {}): Drawer {
  const renderer = new SoftwareRenderer({ width: view.width, height: view.height, ...options })
  return {
    render: (graph, camera) => ({
      rgb: renderer.rgb(graph, camera),
      depth: renderer.depth(graph, camera),
      segmentation: renderer.segmentation(graph, camera),
    }),
  }
}

/** Calls back for every pixel of a camera. */
function eachPixel(view: PinholeCamera, visit: (index: number, column: number, row: number) => void): void {
  for (let row = 0; row < view.height; row++)
    for (let column = 0; column < view.width; column++) visit(row * view.width + column, column, row)
}

function randomRotation(rng: Rng): Quat {
  const q = new Quaternion(rng.normal(), rng.normal(), rng.normal(), rng.normal()).normalize()
  return [q.x, q.y, q.z, q.w]
}

describe('a box', () => {
  const place = (halfExtents: Vec3, position: Vec3, rotation: Quat): SceneGraph => {
    const graph = new SceneGraph([{ name: 'box', parts: [box(halfExtents, 0xffffff)] }])
    graph.setPose('box', position, rotation)
    return graph
  }

  it('covers the pixels, and has the depths, that rays through it say', () => {
    const rng = Rng.fromSeed(3)
    const renderer = drawer(camera)
    for (let trial = 0; trial < 12; trial++) {
      const halfExtents: Vec3 = [0.01 + 0.05 * rng.uniform(), 0.01 + 0.05 * rng.uniform(), 0.005]
      const position: Vec3 = [-0.16 + 0.1 * rng.uniform(), 0.05 * rng.uniform(), 0.9]
      const rotation = randomRotation(rng)
      const { depth, segmentation } = renderer.render(place(halfExtents, position, rotation), camera)
      let covered = 0
      let wrong = 0
      let error = 0
      eachPixel(camera, (i, column, row) => {
        const { eye, ray } = pixelRay(camera, column, row)
        const hit = enterBox(eye, ray, halfExtents, position, rotation)
        const expected = hit.depth === Infinity ? 0 : hit.depth
        if (hit.margin < 1e-9) return
        if (segmentation[i] !== Number(expected > 0) || depth[i] > 0 !== expected > 0) wrong++
        if (expected === 0) return
        error = Math.max(error, Math.abs(depth[i] / expected - 1))
        covered++
      })
      expect(wrong).toBe(0)
      expect(error).toBeLessThan(1e-6)
      expect(covered).toBeGreaterThan(50)
    }
  })

  it('is cut where it is nearer than the near plane', () => {
    const { eye: centre, ray: forward } = pixelRay(camera, 50, 50)
    const position = centre.addScaledVector(forward, 0.115).toArray()
    const halfExtents: Vec3 = [0.2, 0.2, 0.01]
    const tilted = new Quaternion(...camera.rotation).multiply(new Quaternion(...turned([1, 0, 0], 0.6)))
    const rotation: Quat = [tilted.x, tilted.y, tilted.z, tilted.w]
    const { depth } = drawer(camera).render(place(halfExtents, position, rotation), camera)
    let kept = 0
    let error = 0
    eachPixel(camera, (i, column, row) => {
      const { eye, ray } = pixelRay(camera, column, row)
      const hit = enterBox(eye, ray, halfExtents, position, rotation).depth
      if (Math.abs(hit - camera.near) < 1e-9) return
      const visible = hit >= camera.near && hit < Infinity
      error = Math.max(error, Math.abs(depth[i] - (visible ? hit : 0)))
      if (visible) kept++
    })
    expect(error).toBeLessThan(1e-7)
    expect(kept).toBeGreaterThan(1000)
    expect(kept).toBeLessThan(9000)
  })
})

describe('curved and general shapes', () => {
  it('fill exactly the outline of their corners', () => {
    const rng = Rng.fromSeed(5)
    const renderer = drawer(camera)
    const random = Float32Array.from({ length: 90 }, () => 0.1 * rng.uniform() - 0.05)
    const shapes = [
      { kind: 'hull', vertices: random },
      { kind: 'cylinder', radius: 0.03, halfHeight: 0.05 },
      { kind: 'sphere', radius: 0.05 },
    ] as const
    for (const shape of shapes) {
      const graph = new SceneGraph([{ name: 'a', parts: [{ shape, color: 0xffffff }] }])
      const rotation = randomRotation(rng)
      const position: Vec3 = [-0.15, 0.02, 0.95]
      graph.setPose('a', position, rotation)
      const { vertices, vertexCount } = graph.nodes[0].solid
      const points = Array.from({ length: vertexCount }, (_, i): Vec3 => {
        const p = new Vector3().fromArray(vertices, 3 * i)
        return p
          .applyQuaternion(new Quaternion(...rotation))
          .add(new Vector3(...position))
          .toArray()
      })
      const inside = outline(camera, points)
      const { segmentation } = renderer.render(graph, camera)
      let wrong = 0
      eachPixel(camera, (i, column, row) => {
        const margin = inside(column, row)
        if (Math.abs(margin) > 1e-6 && segmentation[i] !== Number(margin > 0)) wrong++
      })
      expect(wrong).toBe(0)
    }
  })

  it('have the axis of a cylinder along z, and outward faces', () => {
    const { nodes } = new SceneGraph([
      { name: 'can', parts: [{ shape: { kind: 'cylinder', radius: 0.03, halfHeight: 0.05 }, color: 0 }] },
    ])
    const { vertices, normals, starts, corners, faceCount } = nodes[0].solid
    expect(Math.max(...vertices)).toBeCloseTo(0.05, 6)
    for (let i = 0; i < vertices.length; i += 3) expect(Math.abs(vertices[i + 2])).toBeCloseTo(0.05, 6)
    expect(faceCount).toBe(22)
    for (let face = 0; face < faceCount; face++) {
      const corner = 3 * corners[starts[face]]
      let outward = 0
      for (let i = 0; i < 3; i++) outward += normals[3 * face + i] * vertices[corner + i]
      expect(outward).toBeGreaterThan(0.02)
    }
  })
})

describe('occlusion', () => {
  it('shows the nearer body, in whatever order they come', () => {
    const near = cube('near', 0xff0000)
    const far = cube('far', 0x00ff00)
    const { eye, ray } = pixelRay(camera, 50, 50)
    for (const bodies of [
      [near, far],
      [far, near],
    ]) {
      const graph = new SceneGraph(bodies)
      graph.setPose('near', eye.clone().addScaledVector(ray, 0.4).toArray(), upright)
      graph.setPose(
        'far',
        eye
          .clone()
          .addScaledVector(ray, 0.47)
          .add(new Vector3(0, 0.01, 0))
          .toArray(),
        upright,
      )
      const { segmentation, rgb } = drawer(camera).render(graph, camera)
      const centre = 50 * camera.width + 50
      expect(segmentation[centre]).toBe(bodies.indexOf(near) + 1)
      expect(rgb[3 * centre]).toBeGreaterThan(50)
      expect(rgb[3 * centre + 1]).toBe(0)
      expect(new Set(segmentation)).toEqual(new Set([0, 1, 2]))
    }
  })
})

describe('light', () => {
  const plain: Body = { name: 'table', parts: [box([0.5, 0.5, 0.02], 0xb4b4b4)] }
  const slab: Body = { name: 'slab', parts: [box([0.03, 0.05, 0.002], 0xffffff)] }
  const slabPose = [[-0.17, 0.01, 0.98] as Vec3, turned([0.6, 0, 0.8], 0.4)] as const
  const scene = (): SceneGraph => {
    const graph = new SceneGraph([plain, slab, cube('cube', 0xcc2020)])
    graph.setPose('table', [-0.15, 0, tableTop - 0.02], upright)
    graph.setPose('slab', ...slabPose)
    graph.setPose('cube', [-0.14, 0.03, tableTop + 0.015], upright)
    return graph
  }
  const up = new Vector3(0, 0, 1)
  const encoded = (linear: number) => 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
  const linear = (byte: number) => ((byte / 255 + 0.055) / 1.055) ** 2.4

  it('shades a face by the published lights', () => {
    const graph = scene()
    const { rgb, segmentation } = drawer(camera, { shadows: false }).render(graph, camera)
    const top = segmentation.indexOf(1)
    expect(Math.abs(rgb[3 * top] - 0xb4)).toBeLessThanOrEqual(1)
    const reds = new Set<number>()
    segmentation.forEach((id, i) => void (id === 3 && reds.add(rgb[3 * i])))
    const albedo = linear(0xcc)
    // Cosines of the two slanted lights on the faces +x and +y of the cube that the camera sees.
    const plusX = 0.3 + (0.7 / Math.PI) * (1 / 1.5)
    const plusY = 0.3 + (0.7 / Math.PI) * (0.5 / 1.5)
    for (const factor of [1.277, plusX, plusY]) {
      const expected = encoded((albedo * factor) / 1.277)
      expect([...reds].some((red) => Math.abs(red - expected) <= 1)).toBe(true)
    }
    expect(reds.size).toBe(3)
  })

  it('is missing on the table exactly where the sky straight above is hidden', () => {
    const graph = scene()
    const open = Uint8Array.from(drawer(camera, { shadows: false }).render(graph, camera).rgb)
    const { rgb, segmentation, depth } = drawer(camera).render(graph, camera)
    let dark = 0
    eachPixel(camera, (i, column, row) => {
      if (segmentation[i] !== 1) return
      const { eye, ray } = pixelRay(camera, column, row)
      const point = eye.addScaledVector(ray, depth[i])
      const slabHit = enterBox(point, up, [0.03, 0.05, 0.002], ...slabPose)
      const cubeHit = enterBox(point, up, [0.015, 0.015, 0.015], [-0.14, 0.03, tableTop + 0.015], upright)
      if (Math.min(slabHit.margin, cubeHit.margin) < 1e-5 || Math.abs(point.z - tableTop) > 1e-5) return
      if (slabHit.depth < Infinity || cubeHit.depth < Infinity) {
        expect(rgb[3 * i]).toBeLessThan(0.8 * open[3 * i])
        dark++
      } else expect(rgb[3 * i]).toBe(open[3 * i])
    })
    expect(dark).toBeGreaterThan(100)
  })

  it('is missing on each fixed horizontal face exactly where the sky straight above is hidden', () => {
    const shelfHalf: Vec3 = [0.04, 0.03, 0.02]
    const shelfAt: Vec3 = [-0.15, 0.02, tableTop + 0.02]
    const shelf: Body = { name: 'shelf', parts: [box(shelfHalf, 0x909090)] }
    const graph = new SceneGraph([plain, slab, shelf], ['table', 'shelf'])
    graph.setPose('table', [-0.15, 0, tableTop - 0.02], upright)
    graph.setPose('slab', ...slabPose)
    graph.setPose('shelf', shelfAt, upright)
    const open = drawer(camera, { shadows: false }).render(graph, camera).rgb
    const { rgb, segmentation, depth } = drawer(camera).render(graph, camera)
    const dark = { onTable: 0, onShelf: 0 }
    eachPixel(camera, (i, column, row) => {
      const { eye, ray } = pixelRay(camera, column, row)
      const point = eye.addScaledVector(ray, depth[i])
      const onTable = segmentation[i] === 1 && Math.abs(point.z - tableTop) < 1e-5
      const onShelf = segmentation[i] === 3 && Math.abs(point.z - tableTop - 0.04) < 1e-5
      if (!onTable && !onShelf) return
      const hits = [enterBox(point, up, [0.03, 0.05, 0.002], ...slabPose)]
      if (onTable) hits.push(enterBox(point, up, shelfHalf, shelfAt, upright))
      if (hits.some(({ margin }) => margin < 1e-5)) return
      if (hits.some((hit) => hit.depth < Infinity)) {
        expect(rgb[3 * i]).toBeLessThan(0.8 * open[3 * i])
        dark[onTable ? 'onTable' : 'onShelf']++
      } else expect(rgb[3 * i]).toBe(open[3 * i])
    })
    expect(Math.min(dark.onTable, dark.onShelf)).toBeGreaterThan(20)
  })

  it('is missing on a body under another one, to half a texel', () => {
    const graph = scene()
    const open = Uint8Array.from(drawer(camera, { shadows: false }).render(graph, camera).rgb)
    const { rgb, segmentation, depth } = drawer(camera).render(graph, camera)
    const counts = { dark: 0, bright: 0 }
    eachPixel(camera, (i, column, row) => {
      if (segmentation[i] !== 3 || open[3 * i] < 0xc0) return
      const { eye, ray } = pixelRay(camera, column, row)
      const point = eye.addScaledVector(ray, depth[i])
      const covered = (grown: number) =>
        enterBox(point, up, [0.03 + grown, 0.05 + grown, 0.002], ...slabPose).depth < Infinity
      if (covered(-0.001)) {
        expect(rgb[3 * i]).toBeLessThan(0.8 * open[3 * i])
        counts.dark++
      } else if (!covered(0.001)) {
        expect(rgb[3 * i]).toBe(open[3 * i])
        counts.bright++
      }
    })
    expect(counts.dark).toBeGreaterThan(5)
    expect(counts.bright).toBeGreaterThan(5)
  })

  it('never leaves a convex body in its own shadow', () => {
    const rng = Rng.fromSeed(11)
    const random = Float32Array.from({ length: 90 }, () => 0.06 * rng.uniform() - 0.03)
    const bodies: Body[] = [
      { name: 'hull', parts: [{ shape: { kind: 'hull', vertices: random }, color: 0xffffff }] },
      { name: 'ball', parts: [{ shape: { kind: 'sphere', radius: 0.02 }, color: 0xffffff }] },
      // Its bounds are above those of the others, its faces are not.
      { name: 'rod', parts: [box([0.002, 0.12, 0.002], 0xffffff)] },
    ]
    const graph = new SceneGraph(bodies)
    graph.setPose('hull', [-0.2, -0.02, 0.9], upright)
    graph.setPose('ball', [-0.12, 0.04, 0.9], upright)
    graph.setPose('rod', [-0.1, -0.06, 0.95], turned([0, 0, 1], Math.PI / 4))
    const open = Uint8Array.from(drawer(camera, { shadows: false }).render(graph, camera).rgb)
    const { rgb } = drawer(camera).render(graph, camera)
    expect(Buffer.compare(rgb, open)).toBe(0)
  })

  it('is not taken by a body that is hidden', () => {
    const graph = scene()
    const renderer = drawer(camera)
    const before = Uint8Array.from(renderer.render(graph, camera).rgb)
    graph.setVisible('slab', false)
    const without = Uint8Array.from(renderer.render(graph, camera).rgb)
    graph.setVisible('slab', true)
    expect(Buffer.compare(renderer.render(graph, camera).rgb, before)).toBe(0)
    const alone = new SceneGraph([plain, cube('cube', 0xcc2020)])
    alone.setPose('table', [-0.15, 0, tableTop - 0.02], upright)
    alone.setPose('cube', [-0.14, 0.03, tableTop + 0.015], upright)
    expect(Buffer.compare(without, drawer(camera).render(alone, camera).rgb)).toBe(0)
    expect(Buffer.compare(without, before)).not.toBe(0)
  })
})

describe('texture', () => {
  it('alternates squares of 2 cm of the part', () => {
    const board: Body = { name: 'board', parts: [box([0.08, 0.08, 0.01], 0xffffff, { texture: 'checker' })] }
    const graph = new SceneGraph([board])
    const rotation = turned([0, 0, 1], 0.5)
    graph.setPose('board', [-0.16, 0.01, tableTop], rotation)
    const { rgb, depth } = drawer(camera).render(graph, camera)
    const counts = [0, 0]
    eachPixel(camera, (i, column, row) => {
      const { eye, ray } = pixelRay(camera, column, row)
      const point = eye.addScaledVector(ray, depth[i]).sub(new Vector3(-0.16, 0.01, tableTop))
      const { x, y, z } = point.applyQuaternion(new Quaternion(...rotation).conjugate())
      const toLine = (a: number) => Math.abs(a / 0.02 - Math.round(a / 0.02))
      if (depth[i] === 0 || z < 0.0099 || toLine(x) < 0.01 || toLine(y) < 0.01) return
      const odd = (Math.floor(x / 0.02) + Math.floor(y / 0.02)) & 1
      counts[odd]++
      if (odd) expect(rgb[3 * i]).toBeLessThan(235)
      else expect(rgb[3 * i]).toBeGreaterThan(253)
    })
    expect(Math.min(...counts)).toBeGreaterThan(200)
  })
})

describe('patterns', () => {
  const kinds = textureKinds.slice(1)

  it.each(kinds)('%s has steps of the ramp only, and more than one', (kind) => {
    const rng = Rng.fromSeed(23)
    const seen = new Set<number>()
    for (let i = 0; i < 4000; i++) {
      const [x, y, z] = [rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3)]
      seen.add(textureLevel(textureKinds.indexOf(kind), x, y, z, rng.uniform()))
    }
    expect(seen.size).toBeGreaterThan(1)
    for (const level of seen) {
      expect(Number.isInteger(level)).toBe(true)
      expect(level).toBeGreaterThanOrEqual(0)
      expect(level).toBeLessThan(textureLevels)
    }
  })

  it('lie in the plane of every face: a cube of weave looks the same from three sides', () => {
    const cubeOf = (position: Vec3, rotation: Quat): Uint8Array => {
      const graph = new SceneGraph([
        { name: 'a', parts: [box([0.02, 0.02, 0.02], 0xffffff, { texture: 'weave' })] },
      ])
      for (const light of graph.scene.children) if (light instanceof DirectionalLight) light.visible = false
      graph.setPose('a', position, rotation)
      return drawer(camera, { supersample: 2 }).render(graph, camera).rgb
    }
    const { eye, ray } = pixelRay(camera, 50, 50)
    const position = eye.addScaledVector(ray, 0.3).toArray()
    // The third turn exchanges the cube's axes; ambient light alone shows every face alike.
    const thirdTurn: Quat = [0.5, 0.5, 0.5, 0.5]
    const facing = new Quaternion(...camera.rotation)
    const pictures = [0, 1, 2].map((turns) => {
      const q = facing.clone()
      for (let i = 0; i < turns; i++) q.multiply(new Quaternion(...thirdTurn))
      return cubeOf(position, [q.x, q.y, q.z, q.w])
    })
    const spreads = pictures.map((picture) => {
      const values = [...picture].filter((value, i) => i % 3 === 0 && value > 90)
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      expect(values.length).toBeGreaterThan(300)
      return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
    })
    // Drawn through a block instead, two of three faces would be plain or striped.
    expect(Math.min(...spreads)).toBeGreaterThan(2)
    expect(Math.max(...spreads)).toBeLessThan(1.2 * Math.min(...spreads))
  })

  it('of a few millimetres fade where a sample is as large', () => {
    expect([0.0004, 0.00125, 0.002, 0.004].map(visibleDetail)).toEqual([1, 1, expect.closeTo(2 / 3), 0])
    const weave = textureKinds.indexOf('weave')
    const levels = (detail: number) =>
      new Set(Array.from({ length: 200 }, (_, i) => textureLevel(weave, 0.0003 * i, 0.0007 * i, 0, detail)))
    expect(levels(0).size).toBe(1)
    expect(levels(1).size).toBeGreaterThan(5)
  })
})

describe('pictures', () => {
  it('are the average of four samples with supersampling', () => {
    const graph = demoScene()
    const fine = full.cropped([95, 40, 400, 400], 200, 200)
    const samples = drawer(fine).render(graph, fine)
    const { rgb, depth } = drawer(camera, { supersample: 2 }).render(graph, camera)
    let blended = 0
    let wrong = 0
    eachPixel(camera, (i, column, row) => {
      const four = [0, 1, 200, 201].map((offset) => 400 * row + 2 * column + offset)
      for (let c = 0; c < 3; c++) {
        const values = four.map((j) => samples.rgb[3 * j + c])
        if (rgb[3 * i + c] !== (values[0] + values[1] + values[2] + values[3] + 2) >> 2) wrong++
        if (Math.max(...values) - Math.min(...values) > 60) blended++
      }
      const nearest = Math.min(...four.map((j) => samples.depth[j] || Infinity))
      if (depth[i] !== (nearest === Infinity ? 0 : nearest)) wrong++
    })
    expect(wrong).toBe(0)
    expect(blended).toBeGreaterThan(100)
  })

  it('of a crop are the crop of the whole frame', () => {
    const graph = demoScene()
    const whole = drawer(full).render(graph, full)
    const cut = full.cropped([95, 40, 400, 400], 400, 400)
    const policy = full.cropped([95, 40, 400, 400], 80, 80)
    for (const [view, step] of [
      [cut, 1],
      [policy, 5],
    ] as const) {
      const { depth, segmentation } = drawer(view).render(graph, view)
      let differing = 0
      let error = 0
      eachPixel(view, (i, column, row) => {
        const j = (40 + step * row + (step >> 1)) * 640 + 95 + step * column + (step >> 1)
        if (segmentation[i] !== whole.segmentation[j]) differing++
        else error = Math.max(error, Math.abs(depth[i] - whole.depth[j]))
      })
      // A pixel whose centre is on an edge may fall either way.
      expect(differing).toBeLessThan(3)
      expect(error).toBeLessThan(1e-6)
    }
  })

  it('depend on the scene only, not on what was drawn before', () => {
    const renderer = drawer(camera, { supersample: 2 })
    const graph = demoScene()
    const first = Uint8Array.from(renderer.render(graph, camera).rgb)
    graph.setPose('green_cube', [-0.2, 0, 1], turned([1, 0, 0], 1))
    graph.setPose('table', [-0.1, 0.1, tableTop - 0.03], upright)
    const moved = Uint8Array.from(renderer.render(graph, camera).rgb)
    expect(Buffer.compare(moved, first)).not.toBe(0)
    renderer.render(demoScene(), full.cropped([0, 0, 640, 480], 100, 100))
    renderer.render(graph, full.cropped([0, 0, 640, 480], 100, 100))
    graph.setPose('green_cube', [-0.16, 0.075, tableTop + 0.015], turned([0, 0, 1], 0.4))
    graph.setPose('table', [-0.1, 0.1, tableTop - 0.02], upright)
    expect(Buffer.compare(renderer.render(graph, camera).rgb, first)).toBe(0)
    expect(Buffer.compare(drawer(camera, { supersample: 2 }).render(demoScene(), camera).rgb, first)).toBe(0)
  })

  it('drawn over one another have the bytes of pictures drawn alone', () => {
    const rng = Rng.fromSeed(17)
    for (const supersample of [1, 2] as const) {
      const graph = demoScene()
      const renderer = drawer(camera, { supersample })
      for (let trial = 0; trial < 8; trial++) {
        for (const name of ['green_cube', 'carrot', 'forearm'])
          graph.setPose(
            name,
            [-0.16 + 0.2 * rng.normal(), 0.2 * rng.normal(), 0.9 + 0.1 * rng.uniform()],
            randomRotation(rng),
          )
        graph.setVisible('plate', trial % 3 > 0)
        const { rgb, depth, segmentation } = renderer.render(graph, camera)
        const alone = drawer(camera, { supersample }).render(graph, camera)
        expect(Buffer.compare(rgb, alone.rgb)).toBe(0)
        expect(Buffer.compare(segmentation, alone.segmentation)).toBe(0)
        expect(depth).toEqual(alone.depth)
      }
    }
  })

  it('of a changed light follow it', () => {
    const graph = demoScene()
    const renderer = drawer(camera)
    const before = renderer.render(graph, camera).rgb
    const lamp = graph.scene.children.find((child) => child instanceof DirectionalLight)!
    lamp.visible = false
    const after = renderer.render(graph, camera).rgb
    expect(after.some((value, i) => value < before[i] - 20)).toBe(true)
    expect(after.some((value, i) => value > before[i])).toBe(false)
  })

  it('go to an array of their own, or to the one given', () => {
    const renderer = new SoftwareRenderer({ width: 100, height: 100 })
    const graph = demoScene()
    const out = {
      rgb: new Uint8Array(30_000),
      depth: new Float32Array(1e4),
      segmentation: new Uint8Array(1e4),
    }
    for (const kind of ['rgb', 'depth', 'segmentation'] as const) {
      const [first, second] = [renderer[kind](graph, camera), renderer[kind](graph, camera)]
      expect(second).not.toBe(first)
      expect(second).toEqual(first)
      expect(renderer[kind](graph, camera, out[kind] as never)).toBe(out[kind])
      expect(out[kind]).toEqual(first)
    }
  })
})

describe('errors', () => {
  it('say what is wrong', () => {
    const graph = new SceneGraph([table])
    expect(() => graph.setPose('tabel', [0, 0, 0], upright)).toThrow(/unknown body 'tabel'.*table/)
    expect(() => drawer(camera).render(graph, full)).toThrow(/640x480.*100x100/)
    const renderer = new SoftwareRenderer({ width: 100, height: 100 })
    expect(() => renderer.rgb(graph, camera, new Uint8Array(7))).toThrow(UserError)
    expect(() => renderer.depth(graph, camera, new Float32Array(7))).toThrow(/depth buffer has 7.*10000/)
    expect(() => new SoftwareRenderer({ width: 0, height: 4 })).toThrow(/0x4/)
    expect(() => new SceneGraph(Array.from({ length: 256 }, (_, i) => cube(`${i}`, 0)))).toThrow(/255/)
  })
})

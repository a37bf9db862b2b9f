import { beforeAll, describe, expect, it } from 'vitest'
import { DRAWER_TRAVEL } from '../../../envs/googleRobot/cabinet.js'
import { closeAction, drawerStart, openAction } from '../../../envs/googleRobot/experts/drawer.js'
import { drawerView } from '../../../envs/googleRobot/experts/expert.js'
import { GoogleScene } from '../../../envs/googleRobot/googleScene.js'
import { drawerScene } from '../../../envs/googleRobot/scenes.js'
import { initPhysics } from '../../../envs/index.js'

const PLACE = { x: 0.9, y: 0, yaw: Math.PI }
const MIDDLE = 1

beforeAll(initPhysics)

function closed(place = PLACE): GoogleScene {
  const scene = new GoogleScene(drawerScene, [])
  scene.reset(place)
  return scene
}

describe('a drawer', () => {
  it('slides on with its friction: 5.6 N against 11 kg', () => {
    const scene = closed()
    const { bodies } = scene.drawers!
    const mass = bodies[MIDDLE].mass()
    // Front, back, bottom, inner front, two sides, and the handle, of 1000 kg/m³.
    const volumes = [0.015 * 0.615 * 0.14, 2 * 0.02 * 0.515 * 0.1, 0.55 * 0.515 * 0.02, 2 * 0.59 * 0.02 * 0.1]
    expect(mass).toBeCloseTo(1000 * volumes.reduce((a, b) => a + b) + 0.0035, 2)
    const speed = 0.3
    bodies[MIDDLE].setLinvel({ x: speed, y: 0, z: 0 }, true)
    for (let i = 0; i < 6; i++) scene.controlStep(new Float32Array(7))
    // Coulomb friction: v²/2 over the deceleration; 3 %, for the last timesteps' share.
    const way = speed ** 2 / (2 * (5.6 / mass))
    expect(scene.drawers!.opening(MIDDLE)).toBeGreaterThan(0.97 * way)
    expect(scene.drawers!.opening(MIDDLE)).toBeLessThan(1.03 * way)
    expect([0, 2].map((i) => scene.drawers!.opening(i))).toEqual([0, 0].map(() => expect.closeTo(0, 4)))
    scene.close()
  })

  it('stops at its ends, whoever pulls and pushes', () => {
    const scene = closed()
    scene.drawers!.place(MIDDLE, 0.38)
    const opening = () => scene.drawers!.opening(MIDDLE)
    const state = drawerStart()
    let widest = 0
    for (let step = 0; step < 70; step++) {
      scene.controlStep(openAction(drawerView(scene, MIDDLE, { step, grasped: false }, 0.7), state))
      widest = Math.max(widest, opening())
    }
    expect(widest).toBeGreaterThan(DRAWER_TRAVEL - 0.01)
    expect(widest).toBeLessThan(DRAWER_TRAVEL + 0.005)
    scene.reset(PLACE)
    scene.drawers!.place(MIDDLE, 0.1)
    const closing = drawerStart()
    let least = 1
    for (let step = 0; step < 70; step++) {
      scene.controlStep(closeAction(drawerView(scene, MIDDLE, { step, grasped: false }, -1), closing))
      least = Math.min(least, opening())
    }
    expect(least).toBeLessThan(0.01)
    expect(least).toBeGreaterThan(-0.005)
    expect([...scene.robot.q].every(Number.isFinite)).toBe(true)
    scene.close()
  })
})

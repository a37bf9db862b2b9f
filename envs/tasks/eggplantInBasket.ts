import { basketTarget, eggplant } from '../scenes/objects.js'
import { sink } from '../scenes/sink.js'
import type { PutOnTask, Spot } from './task.js'

const XS = [-0.115, -0.095] as const
const YS = [0.191, 0.201, 0.211, 0.221] as const
const YAWS = [0, Math.PI / 4, -Math.PI / 4] as const
const SOURCES: readonly Spot[] = XS.flatMap((x) => YS.flatMap((y) => YAWS.map((yaw) => ({ x, y, yaw }))))
const TARGET: Spot = { x: -0.125, y: 0.025, yaw: 0 }

/** SimplerEnv's PutEggplantInBasketScene-v0 (put_on_in_scene.py). */
export const eggplantInBasket: PutOnTask = {
  id: 'widowx_put_eggplant_in_basket',
  instruction: 'put eggplant into yellow basket',
  maxSteps: 120,
  scene: sink,
  source: eggplant,
  target: basketTarget,
  onlyOnTarget: false,
  heightSlack: 0.06,
  letGoHeight: 0.045,
  carryHover: 0.045,
  placeTolerance: 0.02,
  officialEpisodes: SOURCES.length,
  official(episodeId) {
    return { source: SOURCES[episodeId % SOURCES.length], target: TARGET }
  },
  random(rng) {
    const x = rng.uniform(XS[0], XS[1])
    const y = rng.uniform(YS[0], YS[3])
    return { source: { x, y, yaw: rng.uniform(-Math.PI / 4, Math.PI / 4) }, target: TARGET }
  },
}

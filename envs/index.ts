export { type AppearanceOption, type AppearanceSpec, appearanceSpec } from './appearance/index.js'
export { type EmbodimentDescription, embodiments } from './embodiments.js'
export { makeEnv, suites } from './makeEnv.js'
export {
  type GroundingLabels,
  type ImageSpec,
  ManipulationEnv,
  type ManipulationEnvOptions,
  type ManipulationInfo,
  type ManipulationObservation,
  type ResetOptions,
} from './manipulationEnv.js'
export type { MovingInfo } from './motion/movingEnv.js'
export type { MotionOutcome } from './motion/score.js'
export { initPhysics } from './physics/world.js'
export type { Suite } from './suites/suite.js'
export type { CustomPlacement, CustomSpot } from './tasks/customPlacement.js'

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
export { initPhysics } from './physics/world.js'
export type { Suite } from './suites/suite.js'
export type { CustomPlacement, CustomSpot } from './tasks/customPlacement.js'

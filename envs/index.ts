export type { AlohaObservation } from './aloha/alohaObservation.js'
export { type AppearanceOption, type AppearanceSpec, appearanceSpec } from './appearance/index.js'
export { type EmbodimentDescription, embodiments } from './embodiments.js'
export { makeEnv, makeManipulationEnv, suites } from './makeEnv.js'
export {
  type ImageSpec,
  ManipulationEnv,
  type ManipulationEnvOptions,
  type ManipulationInfo,
  type ManipulationObservation,
} from './manipulationEnv.js'
export { checkOptions } from './manipulationOptions.js'
export type { MotionOutcome } from './motion/score.js'
export { initPhysics } from './physics/world.js'
export type {
  GroundingLabels,
  RobotEnv,
  RobotInfo,
  RobotObservation,
  RobotResetOptions,
} from './robotEnv.js'
export { officialEpisodesOf, type Suite } from './suites/suite.js'
export type { CustomPlacement, CustomSpot } from './tasks/customPlacement.js'

export type { Graspable } from './graspable.js'
export type { Receptacle } from './receptacle.js'
export { findGraspable, findReceptacle, graspables, receptacles, type Split, splits } from './split.js'

import { type ArmSpec, readArm } from './armSpec.js'

export type { ArmSpec } from './armSpec.js'

/** WidowX 250s; numbers and their source in assets/robots/widowx250s.urdf and widowx250s.json. */
export const widowx250s: ArmSpec = readArm('widowx250s')

export {
  type Appearance,
  type AppearanceOption,
  type AppearanceSpec,
  appearanceSpec,
  checkAppearance,
  drawAppearance,
  type ObjectLook,
} from './appearance.js'
export { dress, type OwnSurfaces, ownSurfaces, shadedBodies } from './dress.js'
export { Grain } from './grain.js'
export { type LookSet, looks } from './sets.js'
export { tableLook } from './tableLook.js'
export { movedCamera } from './viewpoint.js'

export { SceneGraph } from './sceneGraph.js'
export { type Rendering, SoftwareRenderer, type SoftwareRendererOptions } from './softwareRenderer.js'

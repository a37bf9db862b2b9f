export { SceneGraph } from './sceneGraph.js'
export { SoftwareRenderer, type SoftwareRendererOptions } from './softwareRenderer.js'

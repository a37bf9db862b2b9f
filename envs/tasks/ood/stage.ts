import type { Body } from '../../geometry.js'
import { type ImageSpec, ManipulationView, type VisibleScene } from '../../manipulationView.js'
import type { ObjectSpec } from '../../scenes/objectSpec.js'
import type { Scene } from '../../scenes/scene.js'

/**
 * What a camera sees of scenes that differ in their objects only: one view for all of them, in which the things of the
 * others are hidden. A view of its own for each would have to draw its background anew.
 */
export class Stage implements VisibleScene {
  readonly view: ManipulationView
  readonly absent = new Set<string>()
  private readonly things: readonly ObjectSpec[]
  private scene: Scene

  /** @param things all that any of the scenes has */
  constructor(scene: Scene, things: readonly ObjectSpec[], image: ImageSpec) {
    this.scene = scene
    this.things = things
    this.show(scene)
    this.view = new ManipulationView(this, image, scene.spec.camera())
  }

  /** The view is of this scene from now on. */
  show(scene: Scene): void {
    this.scene = scene
    this.absent.clear()
    for (const { name } of this.things) this.absent.add(name)
    for (const { name } of scene.objects) this.absent.delete(name)
  }

  visibleBodies(): Body[] {
    const { scene } = this
    const own = scene.visibleBodies()
    return [...own.slice(0, own.length - scene.objects.length), ...this.things.map(({ body }) => body)]
  }

  fixedBodies(): string[] {
    return this.scene.fixedBodies()
  }

  visitPoses(visit: (name: string, pose: ArrayLike<number>) => void): void {
    this.scene.visitPoses(visit)
  }
}

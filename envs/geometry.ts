/** Shapes and poses shared by physics and renderer. Metres, radians, z up; quaternions are xyzw. */

export type Vec3 = readonly [number, number, number]
export type Quat = readonly [number, number, number, number]

export interface Pose {
  readonly position: Vec3
  /** Unit quaternion, xyzw. */
  readonly rotation: Quat
}

export type Shape =
  | { readonly kind: 'box'; readonly halfExtents: Vec3 }
  /** Axis along local z. */
  | { readonly kind: 'cylinder'; readonly radius: number; readonly halfHeight: number }
  | { readonly kind: 'sphere'; readonly radius: number }
  /** Convex hull of points, xyz triples. */
  | { readonly kind: 'hull'; readonly vertices: Float32Array }

export type Texture =
  | 'plain'
  | 'wood'
  | 'checker'
  | 'cloth'
  | 'grain'
  | 'weave'
  | 'brushed'
  | 'speckle'
  | 'tiles'
  | 'marble'
  | 'concrete'
  | 'stripes'
  | 'gingham'
  | 'terrazzo'
  | 'herringbone'
  | 'dots'

/** A coloured convex piece of a body, placed in the body's frame; the collider and what the camera sees. */
export interface Part {
  readonly shape: Shape
  readonly pose?: Pose
  /** 0xrrggbb, sRGB. */
  readonly color: number
  /** Procedural pattern over the colour. */
  readonly texture?: Texture
  /** Seen by cameras; default true. */
  readonly visible?: boolean
  /** Touched by physics; default true. */
  readonly collides?: boolean
}

/** A named rigid body: robot link, object or table. */
export interface Body {
  readonly name: string
  readonly parts: readonly Part[]
}

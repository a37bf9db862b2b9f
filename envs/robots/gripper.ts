import RAPIER from '@dimforge/rapier3d-simd-compat'
import { addBody, GROUP_OBJECT, GROUP_ROBOT } from '../physics/rigidBodies.js'
import { type ArmSpec, fingerBody } from './widowx250s.js'

export interface GripperHandles {
  readonly fingers: readonly number[]
  readonly joints: readonly number[]
}

/**
 * kg and kg·m². The slides are so damped (200 N·s/m) that mass hardly shows in their motion, but the true
 * 16 g and 4e-6 kg·m² leave the solver with fingers much lighter than what they hold. Together with slide
 * anchors at the centre of mass these values keep a gripped cube within 0.3 degrees; with anchors at the
 * link's origin it spins out of the fingers.
 */
const FINGER_MASS = 0.1
const FINGER_INERTIA = 1e-4

const SIDES = ['left', 'right'] as const

/** Adds two fingers on slides of the kinematic gripper body, at joint position `opening` m. */
export function addFingers(
  world: RAPIER.World,
  palm: RAPIER.RigidBody,
  arm: ArmSpec,
  opening: number,
): GripperHandles {
  const { gripper, fingersOffset } = arm
  const fingers: number[] = []
  const joints: number[] = []
  for (const side of SIDES) {
    const axis = { x: 0, y: side === 'left' ? 1 : -1, z: 0 }
    const [cx, cy, cz] = gripper.com
    const start = slideOrigin(palm, fingersOffset, axis.y * opening)
    const description = RAPIER.RigidBodyDesc.dynamic()
      .setTranslation(start.x, start.y, start.z)
      .setRotation(palm.rotation())
      .setGravityScale(0)
      .setCanSleep(false)
      .setAdditionalMassProperties(
        FINGER_MASS,
        { x: cx, y: cy, z: cz },
        { x: FINGER_INERTIA, y: FINGER_INERTIA, z: FINGER_INERTIA },
        { x: 0, y: 0, z: 0, w: 1 },
      )
    const finger = addBody(world, description, fingerBody(arm, side), {
      friction: gripper.friction,
      density: 0,
      group: GROUP_ROBOT,
      meets: GROUP_OBJECT,
    })
    const slide = RAPIER.JointData.prismatic(
      { x: fingersOffset + cx, y: cy, z: cz },
      { x: cx, y: cy, z: cz },
      axis,
    )
    slide.limitsEnabled = true
    slide.limits = [gripper.lower, gripper.upper]
    const joint = world.createImpulseJoint(slide, palm, finger, true) as RAPIER.PrismaticImpulseJoint
    joint.setContactsEnabled(false)
    joint.configureMotorModel(RAPIER.MotorModel.ForceBased)
    joint.setMotorMaxForce(gripper.forceLimit)
    driveFinger(joint, arm, gripper.openTarget)
    fingers.push(finger.handle)
    joints.push(joint.handle)
  }
  return { fingers, joints }
}

export function driveFinger(joint: RAPIER.PrismaticImpulseJoint, arm: ArmSpec, target: number): void {
  joint.configureMotorPosition(target, arm.gripper.stiffness, arm.gripper.damping)
}

/**
 * Finger target of a gripper command: -1 closed, +1 open, 1 mm beyond the joint range at both ends
 * (ManiSkill2_real2sim agents/configs/widowx/defaults.py).
 */
export function fingerTarget(arm: ArmSpec, command: number): number {
  const { closedTarget, openTarget } = arm.gripper
  const clipped = Math.min(1, Math.max(-1, command))
  return 0.5 * (openTarget + closedTarget) + 0.5 * (openTarget - closedTarget) * clipped
}

function slideOrigin(palm: RAPIER.RigidBody, along: number, across: number): RAPIER.Vector3 {
  const { x, y, z, w } = palm.rotation()
  const p = palm.translation()
  return {
    x: p.x + (1 - 2 * (y * y + z * z)) * along + 2 * (x * y - w * z) * across,
    y: p.y + 2 * (x * y + w * z) * along + (1 - 2 * (x * x + z * z)) * across,
    z: p.z + 2 * (x * z - w * y) * along + 2 * (y * z + w * x) * across,
  }
}

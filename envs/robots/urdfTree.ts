import { UserError } from '@vla-gym/gymnasium'
import type { UrdfJoint } from './urdf.js'

/**
 * The one link that is no joint's child.
 * @throws UserError unless joints connect all links into one tree.
 */
export function findRoot(file: string, links: ReadonlySet<string>, joints: readonly UrdfJoint[]): string {
  const fail = (message: string): never => {
    throw new UserError(`${file}: ${message}`)
  }
  if (links.size === 0) fail('there is no <link>')
  const jointTo = new Map<string, UrdfJoint>()
  for (const joint of joints) {
    for (const end of ['parent', 'child'] as const) {
      if (!links.has(joint[end])) {
        fail(`joint '${joint.name}': ${end} link '${joint[end]}' is not declared; add it or correct the name`)
      }
    }
    const other = jointTo.get(joint.child)
    if (other) {
      fail(`link '${joint.child}' is the child of joints '${other.name}' and '${joint.name}'; keep one`)
    }
    jointTo.set(joint.child, joint)
  }
  for (const link of links) {
    const path = [link]
    for (let joint = jointTo.get(link); joint; joint = jointTo.get(joint.parent)) {
      if (path.includes(joint.parent)) {
        const cycle = [...path.slice(path.indexOf(joint.parent)), joint.parent]
        fail(`links ${cycle.join(' < ')} form a cycle; a robot must be a tree`)
      }
      path.push(joint.parent)
    }
  }
  const roots = [...links].filter((link) => !jointTo.has(link))
  if (roots.length > 1) {
    fail(`links ${roots.map((name) => `'${name}'`).join(', ')} have no parent; connect all but one by joints`)
  }
  return roots[0]
}

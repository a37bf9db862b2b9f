export * from './pinhole.js'
export * from './widowx.js'

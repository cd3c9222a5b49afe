// Classes that can be called without `new`, as those of node:net can.

/**
 * `Class` under the name `name`, with `length` as its number of arguments: called as a function it makes an instance; subclasses, instanceof and the prototype
 * are its own. A function and no Proxy: an instance made through a Proxy gets a hidden class of its own.
 */
export function callable<C extends abstract new (...args: never[]) => object>(
  Class: C,
  name: string,
  length: number,
): C {
  const Real = Class as unknown as new (...args: unknown[]) => object
  function made(...args: unknown[]): object {
    const { target } = new.target === undefined || new.target === made ? { target: Real } : { target: new.target }
    return target === Real ? new Real(...args) : Reflect.construct(Real, args, target)
  }
  Object.setPrototypeOf(made, Class)
  Object.defineProperty(made, 'prototype', { value: Class.prototype, writable: false })
  Object.defineProperty(made, 'name', { value: name, configurable: true })
  Object.defineProperty(made, 'length', { value: length, configurable: true })
  Object.defineProperty(Class, 'name', { value: name, configurable: true })
  Object.defineProperty(Class.prototype, 'constructor', { value: made, configurable: true, writable: true })
  return made as unknown as C
}

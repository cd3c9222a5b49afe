// Classes that can be called without `new`, as those of node:net can.

/**
 * `Class` under the name `name`: called as a function it makes an instance; subclasses, instanceof and the prototype
 * are its own.
 */
export function callable<C extends abstract new (...args: never[]) => object>(Class: C, name: string): C {
  const made: C = new Proxy(Class, {
    apply: (target, _self, args) => Reflect.construct(target as unknown as new () => object, args),
  })
  Object.defineProperty(Class, 'name', { value: name, configurable: true })
  Object.defineProperty(Class.prototype, 'constructor', { value: made, configurable: true, writable: true })
  return made
}

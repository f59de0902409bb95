import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Deque } from '../../../src/lib/deque.js';

describe('a deque', () => {
  it('is an array that is pushed at the back and shifted at the front', () => {
    const step = fc.oneof(fc.constant('shift' as const), fc.nat());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const deque = new Deque<number>();
        const array: number[] = [];
        for (const each of steps) {
          if (each === 'shift') {
            assert.equal(deque.shift(), array.shift());
          } else {
            deque.push(each);
            array.push(each);
          }
          expect(deque.length).toBe(array.length);
          expect(deque.first()).toBe(array[0]);
          expect(deque.last()).toBe(array.at(-1));
        }
        expect([...deque]).toEqual(array);
        expect(array.map((_, index) => deque.at(index))).toEqual(array);
      }),
    );
  });

  it('finds the first item from which on a predicate holds', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 50 })), fc.nat({ max: 20 }), fc.nat({ max: 51 }), (items, shifts, bound) => {
        const deque = new Deque<number>();
        const sorted = items.sort((a, b) => a - b);
        for (const item of sorted) deque.push(item);
        for (let count = 0; count < shifts; count++) deque.shift();
        const left = sorted.slice(shifts);
        const expected = left.findIndex((item) => item >= bound);
        expect(deque.firstIndex((item) => item >= bound)).toBe(expected === -1 ? left.length : expected);
      }),
    );
  });

  it('has no item beyond its ends', () => {
    const deque = new Deque<string>();
    expect(() => deque.at(0)).toThrow(RangeError);
    deque.push('gone');
    deque.push('here');
    deque.shift();
    expect(() => deque.at(-1)).toThrow(RangeError);
    expect(() => deque.at(1)).toThrow(RangeError);
    expect(deque.at(0)).toBe('here');
  });

  it('lets go of what was shifted out', () => {
    const deque = new Deque<object>();
    for (let index = 0; index < 100_000; index++) {
      deque.push({ index });
      if (index >= 100) deque.shift();
    }
    expect(deque.length).toBe(100);
    expect(deque.first()).toEqual({ index: 99_900 });
  });
});

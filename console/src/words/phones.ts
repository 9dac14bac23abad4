const BRAZILIAN = /^\+?55([1-9]{2})(9?[0-9]{4})([0-9]{4})$/;

/** A Brazilian number as people write it, `+55 11 98765-4321`, however it was stored; any other as it is. */
export function readablePhone(phone: string): string {
  const found = BRAZILIAN.exec(phone.replace(/[\s().-]/g, ""));
  return found ? `+55 ${found[1]} ${found[2]}-${found[3]}` : phone;
}

// What is wrong with how the page looks now: a list of sentences. The body of a
// function.
const problems = [];

const width = document.documentElement.scrollWidth;
if (width > window.innerWidth) {
  const wide = [...document.querySelectorAll('body *')].filter(
    (element) => element.getBoundingClientRect().right > window.innerWidth + 0.5,
  );
  problems.push(`wider than the window, ${width}: ${wide.map((one) => one.className || one.nodeName).join(' ')}`);
}

// Any CSS colour as red, green, blue and alpha, 0 to 1.
const canvas = document.createElement('canvas');
canvas.width = canvas.height = 1;
const context = canvas.getContext('2d', { willReadFrequently: true });
const rgba = (color) => {
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
};
const over = (top, below) => {
  const alpha = top[3];
  return [0, 1, 2].map((index) => top[index] * alpha + below[index] * (1 - alpha)).concat(1);
};
const luminance = ([red, green, blue]) => {
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
};
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const behind = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), [1, 1, 1, 1]);
};

const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const seen = new Set();
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || seen.has(element)) continue;
  seen.add(element);
  if (!element.checkVisibility() || element.closest('.unseen, noscript')) continue;
  const style = getComputedStyle(element);
  const ground = behind(element);
  const found = contrast(over(rgba(style.color), ground), ground);
  const size = parseFloat(style.fontSize);
  const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (found < (isLarge ? 3 : 4.5)) {
    problems.push(`contrast ${found.toFixed(2)} of "${walker.currentNode.data.trim().slice(0, 40)}"`);
  }
  if (size < 11.5) problems.push(`${size}px of "${walker.currentNode.data.trim().slice(0, 40)}"`);
}
// Shapes that say something.
for (const mark of document.querySelectorAll('.mark')) {
  if (!mark.checkVisibility()) continue;
  const found = contrast(rgba(getComputedStyle(mark).color), behind(mark));
  if (found < 3) problems.push(`contrast ${found.toFixed(2)} of a mark ${mark.dataset.mark}`);
}
return problems;

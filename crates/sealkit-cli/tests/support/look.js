// What is wrong with how this page looks; nothing, if all is well. Colours are read back from a canvas, which understands
// every notation that a style sheet may use.
const canvas = document.createElement('canvas');
canvas.width = canvas.height = 1;
const pen = canvas.getContext('2d', { willReadFrequently: true });
const rgba = (colour) => {
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
  return { r, g, b, a: a / 255 };
};
const over = (top, under) => ({
  r: top.r * top.a + under.r * (1 - top.a),
  g: top.g * top.a + under.g * (1 - top.a),
  b: top.b * top.a + under.b * (1 - top.a),
  a: 1,
});
const behind = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((under, top) => over(top, under), rgba('Canvas'));
};
const luminance = ({ r, g, b }) => {
  const linear = (c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
};
const contrast = (a, b) => {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
};
const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
const name = (element) => `${element.tagName.toLowerCase()} ${JSON.stringify((element.innerText || element.value || '').slice(0, 40))}`;

const problems = [];
const root = document.documentElement;
if (root.scrollWidth > root.clientWidth) {
  problems.push(`scrolls sideways: ${root.scrollWidth} in ${root.clientWidth}`);
  for (const element of document.querySelectorAll('body *')) {
    if (shown(element) && element.getBoundingClientRect().right > root.clientWidth + 1) problems.push(`too wide: ${name(element)}`);
  }
}
for (const element of document.querySelectorAll('button, .button, select, summary, textarea, input:not([type=hidden])')) {
  const box = element.getBoundingClientRect();
  if (shown(element) && box.height < 40) problems.push(`${name(element)} is ${box.height} px high`);
}
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !shown(element) || element.closest(':disabled')) continue;
  const style = getComputedStyle(element);
  const [size, weight] = [parseFloat(style.fontSize), parseInt(style.fontWeight, 10)];
  const wanted = size >= 24 || (size >= 18.66 && weight >= 700) ? 3 : 4.5; // WCAG 2.2, 1.4.3
  const ground = behind(element);
  const found = contrast(over(rgba(style.color), ground), ground);
  if (found < wanted) problems.push(`contrast ${found.toFixed(2)} of ${name(element)}`);
}
return { problems, background: getComputedStyle(document.body).backgroundColor + ' ' + getComputedStyle(root).backgroundColor };

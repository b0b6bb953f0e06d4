"""The short instructions behind `task`, in English and Chinese, and in which of the two an answer is wanted.

A given prompt always comes first.
"""

from __future__ import annotations

import re

from glm_mcp.settings import Settings
from glm_mcp.tools.words.chinese import Lang, chosen

UNREADABLE = {
    "en": "Mark what you cannot read as [unreadable]; never guess.",
    "zh": "看不清的地方标为[无法辨认]，不要猜测。",
}

IMAGE: dict[str, dict[Lang, str]] = {
    "describe": {
        "en": "Describe the picture: what it shows, the important details, and any text in it, word for word.",
        "zh": "描述这张图片：画面内容、重要细节，并逐字写出其中的文字。",
    },
    "ocr": {
        "en": f"Write out all text in the picture exactly, in reading order, in its own language, with its line breaks. Nothing else. {UNREADABLE['en']}",
        "zh": f"按阅读顺序逐字写出图中全部文字，保留原文语言和换行，不要添加其他内容。{UNREADABLE['zh']}",
    },
    "table": {
        "en": f"Give every table in the picture as a Markdown table; as an HTML table with rowspan and colspan when cells are merged. All rows, all columns, exact values. {UNREADABLE['en']}",
        "zh": f"把图中每个表格输出为 Markdown 表格；有合并单元格时输出带 rowspan/colspan 的 HTML 表格。行列齐全，数值准确。{UNREADABLE['zh']}",
    },
    "chart": {
        "en": f"Read the chart: its kind, title, axes with units, then its data as a Markdown table (mark estimated values with ~), then peaks, turning points and trend in a few sentences. {UNREADABLE['en']}",
        "zh": f"解读图表：类型、标题、坐标轴与单位；用 Markdown 表格列出数据（估读的数值前加~）；再用几句话说明峰值、拐点和趋势。{UNREADABLE['zh']}",
    },
    "diagram": {
        "en": "Explain the diagram: its parts, how they are connected and in which direction, and what it says as a whole. Add it as Mermaid code when its form allows.",
        "zh": "解释这张示意图：各组成部分、连接关系与方向，以及整体含义；如适合，附上 Mermaid 代码。",
    },
    "ui_to_code": {
        "en": "Rebuild this interface as one complete, self-contained HTML file with CSS (and JavaScript where needed): same layout, colours, sizes and texts. Answer with one fenced code block alone, nothing left out.",
        "zh": "把这个界面还原为一个完整、独立的 HTML 文件（含 CSS，必要时含 JavaScript）：布局、颜色、尺寸、文字一致。只输出一个完整的代码块，不得省略。",
    },
    "compare": {
        "en": "Compare the pictures: first what is the same, then every difference as a list, with where it is and what it is in each picture.",
        "zh": "比较这些图片：先说相同之处，再逐条列出每处差异：位置，以及在各图中的样子。",
    },
    "locate": {
        "en": 'Find in the picture every: {what}. Answer with a JSON list alone, one object each: {{"label": "...", "bbox_2d": [xmin, ymin, xmax, ymax]}}, whole numbers from 0 to 1000 of the picture\'s width and height, origin at the top left. Answer [] when there is none.',
        "zh": '在图中找出所有：{what}。只输出 JSON 列表，每个目标一个对象：{{"label": "...", "bbox_2d": [xmin, ymin, xmax, ymax]}}，坐标为相对图片宽高的 0–1000 整数，原点在左上角。没有则输出 []。',
    },
    "error": {
        "en": "This picture shows an error. Quote the error text exactly, say what it means, the most likely cause, and the steps that mend it, the most promising first.",
        "zh": "图中是一个报错。逐字引用报错文字，说明含义、最可能的原因，并按可能性排序给出解决步骤。",
    },
    "tags": {
        "en": "Give tags for the picture, grouped: subject, scene, people and actions, objects with brand, category, material and colour, style, mood, camera angle, colours, text. Short words, no sentences.",
        "zh": "为图片打标签并分组：主题、场景、人物与动作、物品（品牌、类目、材质、颜色、款式）、风格、情绪、拍摄角度、色彩、文字。只用短词。",
    },
    "inspect": {
        "en": 'Inspect the picture for defects (stains, damage, deformation, colour, scratches, missing or misplaced parts) or for what the request names. Answer as a list: defect, severity (low, medium, high), where, and its box [xmin, ymin, xmax, ymax] in 0–1000 of width and height. Say "no defects" when there are none.',
        "zh": "检查图中的瑕疵（污渍、破损、变形、色差、划痕、缺件、错位）或请求中指定的问题。逐条列出：问题、严重程度（低、中、高）、位置，以及相对宽高 0–1000 的坐标框 [xmin, ymin, xmax, ymax]。没有则写“无瑕疵”。",
    },
    "ui_action": {
        "en": "You operate this screen. Say the one next step towards the goal: the action (click, type, scroll, wait, done), its target, the text to type if any, and the point to click as [x, y] in 0–1000 of width and height.",
        "zh": "你在操作这个界面。给出实现目标的下一步：动作（点击、输入、滚动、等待、完成）、目标控件、需要输入的文字，以及点击点 [x, y]（相对宽高的 0–1000 坐标）。",
    },
    "image_to_prompt": {
        "en": "Write a prompt from which an image model would draw this picture: subject, style, composition, light, colours, mood, medium. One paragraph alone.",
        "zh": "写一段可用于文生图模型重现此图的提示词：主体、风格、构图、光影、色彩、氛围、媒介。只输出一段。",
    },
}

VIDEO: dict[str, dict[Lang, str]] = {
    "summary": {
        "en": "Summarise the video: what happens, in order, with times (m:ss), and any text or sign that matters.",
        "zh": "概括视频内容：按先后顺序说明发生了什么，注明时间（分:秒），并写出重要文字。",
    },
    "timeline": {
        "en": "Build a timeline of the video: one line for each event or chapter, `start–end (m:ss): what happens`, without gaps, in order.",
        "zh": "构建视频时间轴：每个事件或章节一行，格式“开始–结束（分:秒）：内容”，按顺序且不留空档。",
    },
    "keyframes": {
        "en": "Choose the key frames of the video: highlights, turning points, frames that carry information. One line each: `time (m:ss.s): what it shows and why it matters`. At most twelve.",
        "zh": "选出视频的关键帧：精彩片段、转场点、关键信息帧。每行一个：“时间（分:秒.十分之一秒）：画面内容及理由”，最多十二个。",
    },
    "storyboard": {
        "en": "Write the storyboard: for each shot its times, kind (close-up, medium, wide), camera movement, picture, on-screen text; then the narrative structure and advice for shooting.",
        "zh": "写出分镜脚本：每个镜头的时间、景别（特写、中景、全景）、运镜、画面、字幕；最后分析叙事结构并给出拍摄建议。",
    },
    "teardown": {
        "en": "Take the video apart as a viral piece: the hook of the first three seconds, the curve of emotion over time, the peak moments with times, why it works, and a template that others can reuse.",
        "zh": "拆解这个视频的成功要素：黄金3秒钩子、情绪起伏曲线、爆点时刻（注明时间）、成功原因，并输出可复用的创作模板。",
    },
    "tags": {
        "en": "Give tags for the video, grouped: topic, kind of content, style, mood, scenes, people and actions, objects, advertising. Short words.",
        "zh": "为视频打标签并分组：主题、内容类型、风格、情绪、场景、人物与动作、物品、广告植入。只用短词。",
    },
    "inspect": {
        "en": "Watch the video for violations, dangers and defects, or for what the request names. One line each: time (m:ss), what, severity (low, medium, high), where in the picture. Say so when there is nothing.",
        "zh": "巡检视频中的违规、危险与缺陷，或请求中指定的事件。每行一条：时间（分:秒）、事件、严重程度（低、中、高）、画面位置。没有则明确说明。",
    },
}

DOCUMENT: dict[str, dict[Lang, str]] = {
    "answer": {
        "en": "Answer from the document alone, and cite the file and page or sheet for each fact, as [name, page 3]. Say so when the document does not say it.",
        "zh": "只根据文档回答，并为每个事实注明文件和页码或工作表，如[文件名, 第3页]。文档没有提到的要明说。",
    },
    "summary": {
        "en": "Summarise the document: its purpose, its main points in order, figures and dates that matter, with [name, page] for each.",
        "zh": "概括文档：目的、按顺序列出要点、重要数字与日期，并注明[文件名, 页码]。",
    },
    "extract": {
        "en": f"Extract from the document what is asked for (without a request: names, dates, amounts, parties, obligations), as a table with [name, page] for each row. {UNREADABLE['en']}",
        "zh": f"从文档中提取所要求的信息（未说明时提取：名称、日期、金额、当事方、义务），以表格输出，每行注明[文件名, 页码]。{UNREADABLE['zh']}",
    },
    "compare": {
        "en": "Compare the documents: what agrees, what differs (each version's words), what contradicts, what changed over time. Cite [name, page] for each point.",
        "zh": "比较这些文档：一致之处、差异之处（引用各自原文）、矛盾之处、变化趋势，并注明[文件名, 页码]。",
    },
}

TRANSCRIBE: dict[Lang, str] = {
    "en": f"Transcribe this page to Markdown, word for word, in its own language: headings, lists, tables (HTML when cells are merged), formulas as LaTeX. Nothing else. {UNREADABLE['en']}",
    "zh": f"把这一页逐字转写为 Markdown，保留原文语言：标题、列表、表格（有合并单元格用 HTML）、公式用 LaTeX。不要添加其他内容。{UNREADABLE['zh']}",
}
PICTURES: dict[Lang, str] = {
    "en": f"These pictures stand in a document, in this order. Transcribe to Markdown what they say, word for word, in their own language: headings, lists, tables (HTML when cells are merged), formulas as LaTeX. Give a chart as its title and values, a diagram as its parts and what leads where, a photo as one line. Nothing else. {UNREADABLE['en']}",
    "zh": f"这些图片按此顺序出现在一份文档里。把图中的文字逐字转写为 Markdown，保留原文语言：标题、列表、表格（有合并单元格用 HTML）、公式用 LaTeX。图表写出标题和数值，示意图写出各部分及其指向，照片用一行说明。不要添加其他内容。{UNREADABLE['zh']}",
}
BESIDE: dict[Lang, str] = {
    "en": "The picture lacks letters whose font is missing. The file itself says:\n\n{text}",
    "zh": "图片缺少部分文字，因为没有相应字体。文件自身的文字如下：\n\n{text}",
}
LAYOUT: dict[str, dict[Lang, str]] = {
    "json": {
        "en": 'Restore the document\'s layout as JSON: {"blocks": [{"type": "heading|paragraph|list|table|figure|formula", "level": 1, "text": "...", "rows": [[...]], "page": 1}]}, in reading order, nothing left out.',
        "zh": '把文档版式还原为 JSON：{"blocks": [{"type": "heading|paragraph|list|table|figure|formula", "level": 1, "text": "...", "rows": [[...]], "page": 1}]}，按阅读顺序，不得遗漏。',
    },
    "html": {
        "en": "Restore the document's layout as one HTML fragment: headings, paragraphs, lists, tables with merged cells, alignment. All text word for word. Answer with the HTML alone.",
        "zh": "把文档版式还原为一个 HTML 片段：标题、段落、列表、含合并单元格的表格、对齐方式，文字逐字保留。只输出 HTML。",
    },
}
UNSEEN: dict[Lang, str] = {"en": "[no text: scanned]", "zh": "[无文字：扫描页]"}  # in place of a page
COMBINE: dict[Lang, str] = {
    "en": "These are the results from {count} parts of the whole, in order. Combine them into one answer to the request; keep times, pages and figures exactly; do not mention the parts.",
    "zh": "以下是整体的 {count} 个部分各自的结果，按顺序排列。请合并为对请求的一个完整回答；时间、页码和数字保持准确；不要提及分部分处理。",
}
LOOKED_AT = 2_000  # characters of a prompt that tell its language
IN: dict[Lang, str] = {"en": "Answer in English.", "zh": "请用中文回答。"}


def instruction(table: dict[str, dict[Lang, str]], task: str, prompt: str, lang: Lang) -> str:
    """The words for a task: the prompt first, then the task's own; with neither prompt nor OCR, the language wanted."""
    words = table[task][lang]
    if "{what}" in words:
        return words.format(what=prompt or ("主要物体" if lang == "zh" else "main object"))
    if prompt:
        return f"{prompt}\n\n{words}"
    return words if task == "ocr" else f"{words} {IN[lang]}"


def language(prompt: str, settings: Settings) -> Lang:
    """The prompt's language, by its beginning; without one GLM_LANG, else the system's."""
    prompt = prompt[:LOOKED_AT]
    if re.search("[\u3040-\u30ff\uac00-\ud7af]", prompt):
        return "en"  # Japanese and Korean have Chinese characters too; we have words in neither
    # Paths and names from code say nothing of the language around them.
    prose = re.sub(r"\S{1,200}[/\\._]\w\S*|\b[a-z]+[A-Z]\w*", " ", prompt)
    letters = [c for c in prose if c.isalpha()] or [c for c in prompt if c.isalpha()]
    if letters:
        chinese = ["\u4e00" <= c <= "\u9fff" for c in letters]
        return "zh" if chinese[0] or sum(chinese) * 4 >= len(letters) else "en"
    return chosen(settings.lang)

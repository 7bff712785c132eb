// What the widgets say, in English and in Chinese.

const WORDS = {
  en: {
    conversation: 'Conversation', chat: 'Chat', model: 'Model', question: 'Question', send: 'Send', stop: 'Stop',
    attach: 'Attach pictures', remove: 'Remove picture', retry: 'Retry', copyAnswer: 'Copy answer', copyCode: 'Copy',
    copied: 'Copied', notCopied: 'Not copied', reasoning: 'Reasoning', thinking: 'Thinking', picture: 'picture',
    hint: 'Enter sends, Shift+Enter makes a new line, Esc stops', placeholder: 'Ask something …',
    answering: 'The model is answering.', answered: 'The answer is complete.', waiting: 'waiting for the model',
    sending: 'Sending …', busy: 'The kernel does not answer yet: it is busy with a cell, or has ended. Your question waits for it.', calls: 'calls',
    notPicture: 'is not a picture that models take (PNG, JPEG, GIF, WebP).', tooLarge: 'is larger than 5 MB.',
    tooMany: 'At most 8 pictures, 8 MB together, go with one question.',
    gone: 'The kernel is gone. Run this cell again; the conversation is kept.', stopped: 'stopped: partial answer',
    stale: 'The page was loaded anew. Run this cell again, so that the newest turns are saved in the notebook, too.',
    empty: 'Nothing was said yet.', you: 'You', asked: 'asked', defaultModel: 'default',
    gallery: 'Gallery', filter: 'Filter', all: 'all', play: 'Play', pause: 'Pause', compare: 'Compare',
    copyPrompt: 'Copy prompt', cancel: 'Cancel', sure: 'Cancel it?', close: 'Close', noClips: 'No video yet.',
    noMatch: 'No video matches.', loading: 'Loading', position: 'Position', state: 'State', revised: 'Made of it',
    tooLong: 'The video is too large to be sent here. It lies at', unknownCost: 'price unknown',
    goneGallery: 'The kernel is gone. Run this cell again.', first: 'First', second: 'Second',
    tokens: 'tokens', cache: 'from the cache', recording: 'from the recording',
    queued: 'about to be ordered', submitting: 'being ordered', running: 'being made', succeeded: 'ready',
    failed: 'failed', cancelled: 'cancelled', expired: 'expired', unknown: 'unknown', comparing: 'Compared side by side',
    pickTwo: 'Choose a second video to compare.',
  },
  zh: {
    conversation: '对话', chat: '聊天', model: '模型', question: '问题', send: '发送', stop: '停止',
    attach: '添加图片', remove: '移除图片', retry: '重试', copyAnswer: '复制回答', copyCode: '复制',
    copied: '已复制', notCopied: '未能复制', reasoning: '思考过程', thinking: '思考中', picture: '图片',
    hint: 'Enter 发送，Shift+Enter 换行，Esc 停止', placeholder: '输入问题……',
    answering: '模型正在回答。', answered: '回答完毕。', waiting: '等待模型',
    sending: '正在发送……', busy: '内核尚未应答：正在运行单元格，或已结束。问题会等待内核。', calls: '调用',
    notPicture: '不是模型可接受的图片（PNG、JPEG、GIF、WebP）。', tooLarge: '大于 5 MB。',
    tooMany: '每个问题最多 8 张图片，共 8 MB。',
    gone: '内核已断开。请重新运行此单元格；对话已保存。', stopped: '已停止：回答不完整',
    stale: '页面已重新加载。请再次运行此单元格，以便把最新内容保存到笔记本中。',
    empty: '还没有内容。', you: '你', asked: '提问', defaultModel: '默认',
    gallery: '画廊', filter: '筛选', all: '全部', play: '播放', pause: '暂停', compare: '对比',
    copyPrompt: '复制提示词', cancel: '取消', sure: '确定取消？', close: '关闭', noClips: '还没有视频。',
    noMatch: '没有匹配的视频。', loading: '加载中', position: '位置', state: '状态', revised: '改写为',
    tooLong: '视频过大，无法在此传输。文件位于', unknownCost: '价格未知',
    goneGallery: '内核已断开。请重新运行此单元格。', first: '第一个', second: '第二个',
    tokens: '词元', cache: '来自缓存', recording: '来自录制',
    queued: '即将提交', submitting: '提交中', running: '生成中', succeeded: '已完成',
    failed: '失败', cancelled: '已取消', expired: '已过期', unknown: '未知', comparing: '并排对比',
    pickTwo: '请再选择一个视频进行对比。',
  },
}

/** Return the lookup of words for a language such as `zh-CN`. */
export function words(language = navigator.language) {
  const chosen = WORDS[(language || 'en').slice(0, 2)] ?? WORDS.en
  return (key) => chosen[key] ?? WORDS.en[key] ?? key
}

/** Return the facts below an answer, which the kernel tells in English, in the reader's words. */
export function factsIn(facts, t) {
  const told = (fact) => (fact === 'price unknown' ? t('unknownCost') : fact.replace(/ tokens$/, ` ${t('tokens')}`).replace(/^from the (cache|recording)$/, (_, where) => t(where)))
  return facts.split(' · ').map(told).join(' · ')
}

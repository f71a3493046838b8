<?php
// What the PHP SDK writes and reads, one question a line.

declare(strict_types=1);

require __DIR__ . '/containers.php';

$format = container($argv[1]);

while (($line = fgets(STDIN)) !== false) {
    $question = json_decode($line, flags: JSON_THROW_ON_ERROR);
    try {
        $answer = ['ok' => match ($question->operation) {
            'seal' => $format->seal(...(array) $question->arguments),
            'open' => json_encode(
                $format->open(...(array) $question->arguments),
                JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS | JSON_THROW_ON_ERROR,
            ),
        }];
    } catch (Throwable $error) {
        $answer = ['error' => ['name' => $error::class, 'message' => $error->getMessage()]];
    }
    echo json_encode($answer, JSON_THROW_ON_ERROR), "\n";
}
